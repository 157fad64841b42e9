"""Labels that may be wrong: which a model doubts, and training without them.

- `cross_validation.py`: what a linear model, asked out of fold, says of the training images.
- `confident_learning.py`: whose label contradicts such probabilities (Northcutt et al., 2021).
- `left_out.py`: training without them.
- `table.py`: `suspects.csv`, the images to look at.
"""
