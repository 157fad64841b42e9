"""The search of one backbone.

- `backbone_search.py`, `offers.py`: what it would do next, and what has come of it.
- `steps.py`: what it asks of a process; `engine.py`, `followed.py`: who does it, and who watches.
- `study_images.py`, `passes.py`: the images that it works on, and their passes through the trunk.
- `trials.py`, `study.py`, `oracles.py`: its trials, and Keras Tuner's oracle that proposes them.
- `known_ground.py`, `racing.py`: what is tried first, and which trial goes on.
- `timings.py`, `gains.py`, `outlook.py`: how long steps take, what they bring, what is to come.
- `winner.py`: the best trial in its whole model, calibrated, scored and saved.
- `doubted_labels.py`: labels that training leaves out.
- `context.py`, `presets.py`, `sample.py`: what every search works with.
"""
