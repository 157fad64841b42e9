"""Choose a fine-tuned face classifier: Keras Tuner on a frozen-trunk cache.

`python -m tuning` (`__main__.py`) calls `tune` of `run.py`, which reads from top to bottom like
this:

- `inputs.py`: data set, decoded images and pretrained weights that a run starts from.
- `search/`: search of each backbone; `backbone_search.py` goes from its weights to its winner.
- `report/`: page with tables and plots.

Below these lie `training/` (one trial), `trunk/` (activations of the frozen layers, computed once),
`backbones/` (the models) and `runs/` (what lies on disk). `progress.py` prints what a person sees,
`notices.py` has what a reader of the figures must know, `metrics.py` computes the figures.
"""
