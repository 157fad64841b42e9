"""The search of one backbone.

- `backbone_search.py`: from its weights to its winner, in the order of what follows.
- `context.py`: what every search works with.
- `presets.py`, `planning.py`: how much is tried, and which trials fit the time.
- `probe.py`: how fast the backbone is on this machine.
- `oracles.py`, `study.py`: Keras Tuner's choice of trials, and its loop over them.
- `trial_runner.py`: trials on cached activations, and the refit.
- `winner.py`: the best tail in its whole model, calibrated, scored and saved.
- `workers.py`, `loopback.py`: several processes, and how they reach each other.
"""
