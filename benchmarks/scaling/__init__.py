"""What a run costs on other machines than this one: minutes, disk, network.

- `measuring` times each kind of work here; `constants` holds what it found.
- `work` says how much a run has to do, `simulation` who does it when, `prediction` both together.
- `check` holds a prediction against a finished run.

`docs/scaling.md` explains the formula and has the plans that follow from it.
"""
