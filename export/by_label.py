"""What a model with one label or several says, label by label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from data import Label
from data.labels import class_slices, decisions


def parts(labels: Sequence[Label], p: np.ndarray) -> Iterator[tuple[Label, np.ndarray]]:
    """Take the class probabilities of a model apart.

    Args:
        labels: The labels of the model.
        p: Class probabilities, float [N, K].

    Yields:
        Each label, and the probabilities of its classes, float [N, C].

    Example:
        >>> from data import GENDER
        >>> [(label.name, p.tolist()) for label, p in parts([GENDER], np.array([[0.2, 0.8]]))]
        [('gender', [[0.2, 0.8]])]
    """
    for label, columns in zip(labels, class_slices(labels), strict=True):
        yield label, p[:, columns]


def decisions_by_label(labels: Sequence[Label], p: np.ndarray) -> np.ndarray:
    """Decide for the likeliest class of each label.

    Args:
        labels: The L labels of the model.
        p: Class probabilities, float [N, K].

    Returns:
        Codes, int64 [N, L].

    Example:
        >>> hair = Label(name="hair", classes=("fair", "brown", "black"))
        >>> smiling = Label(name="Smiling", classes=("no", "yes"))
        >>> decisions_by_label([hair, smiling], np.array([[0.2, 0.5, 0.3, 0.6, 0.4]])).tolist()
        [[1, 0]]
    """
    return np.stack([decisions(of_label) for _, of_label in parts(labels, p)], 1)
