"""The view of a run from another terminal: `python -m tuning watch`.

- `snapshot.py`: what a run's folder says at one moment.
- `sparkline.py`: a curve in a line of text.
- `view.py`: a snapshot as tables on a terminal.
- `lines.py`: what has happened since the last snapshot, as lines.
- `watch.py`: the loop over snapshots.

All of it reads the run's folder and nothing else, and needs no TensorFlow.
"""
