"""Training on cached activations, or from pixels.

- `legs.py`: a training of a backbone's last stages that goes on in legs.
- `loop.py`: the steps of a leg.
- `checkpoint.py`, `tail_weights.py`: what a leg leaves, in memory and as bytes.
- `tail_graphs.py`: the graphs of a tail, made once and used by every trial of its form.
- `optimizer.py`: a step of Adam, and the moving average of the weights.
- `loss.py`: what is minimized.
- `batches.py`, `feed.py`: activations with labels, in shuffled batches that are read ahead.
- `devices.py`: one device or several.
- `validation.py`: figures on the validation split.
- `predictions.py`: logits of a trained tail.
- `hidden_head.py`: heads with a hidden layer, which have no closed form.
"""
