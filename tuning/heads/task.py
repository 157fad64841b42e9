"""What ridge regression solves for one label: which rows, with which targets, weights and folds."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from data import Label, class_weights
from data.labels import MISSING
from tuning.heads.folds import person_folds

_ROWS = 512  # that are multiplied at a time


class Task(NamedTuple):
    """Rows of the features that have a label, those of a fold beside each other.

    Attributes:
        rows: Numbers of the rows, int [m].
        scored: Whether a row is an image's first view, by which heads are judged, bool [m].
        codes: Codes, int [m].
        targets: 1 and -1 for the second and the first of two classes, of more 1 for the row's class
            and 0 for the others, float32 [m, width].
        weights: Weight of each row by its class, float32 [m].
        folds: Where the rows of each fold lie among these; fewer than two where nothing can be
            cross-validated.
    """

    rows: np.ndarray
    scored: np.ndarray
    codes: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    folds: tuple[slice, ...]

    @property
    def solvable(self) -> bool:
        """Whether there are people to ask about and classes to tell apart."""
        return len(self.folds) > 1 and len(np.unique(self.codes)) > 1

    @classmethod
    def of(
        cls, label: Label, codes: np.ndarray, people: np.ndarray, rows: np.ndarray, seed: int
    ) -> Task:
        """Put the rows that have a label in order.

        Args:
            label: The label.
            codes: Codes of the n images, int [n].
            people: Number of the person in each, int [n].
            rows: Numbers of the rows to learn from, of which n in turn are a view of the images.
            seed: Seed of the folds.

        Example:
            >>> from data import GENDER
            >>> codes = np.array([0, 1] * 5)
            >>> task = Task.of(GENDER, codes, np.arange(10) // 2, np.arange(10), seed=0)
            >>> len(task.folds), task.targets[:2].tolist()
            (5, [[-1.0], [1.0]])
        """
        count = len(codes)
        known = rows[codes[rows % count] != MISSING]
        images = known % count
        folds = person_folds(codes[images], people[images], seed)
        order = np.argsort(folds, kind="stable")
        ends = np.cumsum([0, *np.bincount(folds)]).tolist()
        by_class = class_weights(codes, len(label.classes))
        in_turn, codes = known[order], codes[images[order]]
        classes = np.eye(len(label.classes), dtype=np.float32)[codes]
        return cls(
            rows=in_turn,
            scored=in_turn < count,
            codes=codes,
            targets=2 * classes[:, 1:] - 1 if label.is_binary else classes,
            weights=np.array([by_class[code] for code in codes.tolist()], np.float32),
            folds=tuple(slice(start, end) for start, end in pairwise(ends)),
        )


class Solution(NamedTuple):
    """A ridge regression and what it says of the rows of each fold without them.

    Attributes:
        out_of_fold: Scores of the task's rows by the solution without their fold, float64
            [m, width].
        coefficients: What the kernel is computed from, float32 [m or F, width].
        bias: Bias of each score, float64 [width].
    """

    out_of_fold: np.ndarray
    coefficients: np.ndarray
    bias: np.ndarray


def gathered(features: np.ndarray, rows: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
    """Gather rows of the features; neighbors that are float32 are not copied.

    Args:
        features: Features, float [N, F].
        rows: Numbers of rows, at least one, in rising order, int [n].
        columns: Features that are gathered, all where it is left out.

    Returns:
        float32 [n, F or number of columns].

    Example:
        >>> features = np.float16([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])
        >>> gathered(features, np.array([0, 2])).tolist()
        [[1.0, 4.0], [3.0, 6.0]]
        >>> gathered(features, np.array([1, 2]), slice(1, 2)).tolist()
        [[5.0], [6.0]]
    """
    first, last = int(rows[0]), int(rows[-1])
    together = last - first + 1 == len(rows)
    chosen = features[first : last + 1, columns] if together else features[rows, columns]
    return np.asarray(chosen, np.float32)


def products(features: np.ndarray, rows: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Multiply rows of the features with a kernel, some at a time.

    Args:
        features: Features, float [N, F].
        rows: Numbers of rows, in rising order, int [n].
        kernel: Weights of the features, float32 [F, width].

    Returns:
        float32 [n, width].

    Example:
        >>> features = np.float16([[1.0], [2.0], [3.0]])
        >>> products(features, np.array([0, 2]), np.float32([[2.0]])).tolist()
        [[2.0], [6.0]]
    """
    result = np.empty((len(rows), kernel.shape[1]), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        result[part] = gathered(features, rows[part]) @ kernel
    return result
