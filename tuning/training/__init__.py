"""Training on cached activations.

- `legs.py`: a training of a backbone's last stages that goes on in legs.
- `checkpoint.py`, `tail_weights.py`: what a leg leaves, in memory and as bytes.
- `tail_graphs.py`: the graphs of a tail, made once and used by every trial of its form.
- `folded.py`: frozen batch norm as part of its convolution.
- `optimizer.py`: a step of Adam, and the moving average of the weights.
- `loss.py`: what is minimized.
- `batches.py`, `feed.py`: activations with labels, in shuffled batches that are read ahead.
- `devices.py`: one device or several.
- `validation.py`: figures on the validation split.
- `predictions.py`: logits of a trained tail.
- `hidden_head.py`: heads with a hidden layer, which have no closed form.
"""
