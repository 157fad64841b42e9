"""Heads in closed form: linear classifiers of features that are solved, not trained.

- `closed_form.py`: the head of all labels, its penalty chosen out of fold.
- `solved_head.py`: the same on cached activations, with what a trial keeps of it.
- `dual.py`: ridge regression by the rows' products with each other, where features are many.
- `primal.py`: the same by the features' products, where features are few.
- `task.py`: what either solves for one label: targets, weights, folds.
- `folds.py`: parts of the images without a person in two of them.
- `workers.py`: threads among which BLAS divides the processors.
"""
