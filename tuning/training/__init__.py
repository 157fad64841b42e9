"""One trial on cached activations.

- `trial.py`: warm-up of the head, then the training of the last stages.
- `legs.py`: a long training in legs, to be taken up again after each.
- `head.py`, `tail.py`: the two training loops.
- `batches.py`: activations with labels, in shuffled batches.
- `schedule.py`: learning rate of each step.
- `early_stopping.py`: score of each epoch, and when to stop.
- `devices.py`: one device or several.
"""
