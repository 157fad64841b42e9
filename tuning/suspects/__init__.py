"""Labels that may be wrong: which a model doubts, and training without them.

- `out_of_fold.py`: what heads without their person say of the training images, kept in a file.
- `confident_learning.py`: whose label contradicts such probabilities (Northcutt et al., 2021).
- `left_out.py`: training without them.
- `table.py`: `suspects.csv`, the images to look at.
"""
