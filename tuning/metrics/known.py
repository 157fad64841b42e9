"""Which images count: those that have the label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from data import Label
from data.labels import MISSING, class_slices


def known(codes: np.ndarray, *values: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Leave out the images that have no code.

    Args:
        codes: Codes, int [N], `MISSING` for none.
        values: What else is known of the images, [N, ...] each; None for as many numbers of their
            own.

    Returns:
        Codes as int64 [n] and the others' rows.

    Example:
        >>> [part.tolist() for part in known(np.array([0, -1, 1]), np.array([5, 6, 7]), None)]
        [[0, 1], [5, 7], [0, 2]]
    """
    codes = np.asarray(codes)
    rows = np.flatnonzero(codes != MISSING)
    others = (rows if part is None else np.asarray(part)[rows] for part in values)
    return (codes[rows].astype(np.int64), *others)


def by_label(
    labels: Sequence[Label], codes: np.ndarray, p: np.ndarray
) -> Iterator[tuple[Label, tuple[np.ndarray, np.ndarray]]]:
    """Take codes and class probabilities apart.

    Args:
        labels: The L labels of a model.
        codes: Codes, int [N, L].
        p: Class probabilities of all labels, float [N, K].

    Yields:
        Each label with its codes, int [N], and the probabilities of its classes, float [N, C].

    Example:
        >>> from data import GENDER
        >>> [(label, (codes, p))] = by_label([GENDER], np.array([[1]]), np.array([[0.2, 0.8]]))
        >>> codes.tolist(), p.tolist()
        ([1], [[0.2, 0.8]])
    """
    for number, (label, at) in enumerate(zip(labels, class_slices(labels), strict=True)):
        yield label, (codes[:, number], p[:, at])
