"""What a confusion matrix says of each class, and which classes are confused most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data import Label
from data.labels import decisions
from tuning.metrics import accuracy_interval
from tuning.runs.schema import Scores

MOST_IN_A_MATRIX = 20
"""Number of classes up to which the page has the whole matrix."""


@dataclass(frozen=True)
class ClassRow:
    """How well one class is recognized.

    Attributes:
        name: Name of the class.
        count: Number of images labeled so.
        recall: Share of them that are predicted so, None where there are none.
        interval: Ends of its 95 % interval, None likewise.
        precision: Share of the images predicted so that are labeled so, None without any.
    """

    name: str
    count: int
    recall: float | None
    interval: tuple[float, float] | None
    precision: float | None


@dataclass(frozen=True)
class Confusion:
    """How often one class is taken for another.

    Attributes:
        given: Name of the class as annotated.
        prediction: Name of the class predicted.
        count: Number of images.
        share: Share of the images labeled so, 0..1.
    """

    given: str
    prediction: str
    count: int
    share: float


def class_rows(
    label: Label, codes: np.ndarray, p: np.ndarray, people: np.ndarray
) -> list[ClassRow]:
    """Return how well each class is recognized.

    Args:
        label: The label.
        codes: Codes of the test images, int [n], none missing.
        p: Class probabilities, float [n, C].
        people: Number of the person in each image, int [n].

    Example:
        >>> from data import GENDER
        >>> codes, p = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
        >>> rows = class_rows(GENDER, codes, p, np.arange(3))
        >>> [(row.name, row.recall, row.precision) for row in rows]
        [('woman', 0.5, 1.0), ('man', 1.0, 0.5)]
    """
    predictions = decisions(p)
    return [
        _class_row(name, predictions == code, codes == code, people)
        for code, name in enumerate(label.classes)
    ]


def _class_row(name: str, said: np.ndarray, given: np.ndarray, people: np.ndarray) -> ClassRow:
    hits = int((said & given).sum())
    return ClassRow(
        name=name,
        count=int(given.sum()),
        recall=hits / int(given.sum()) if given.any() else None,
        interval=accuracy_interval(said[given], people[given]) if given.any() else None,
        precision=hits / int(said.sum()) if said.any() else None,
    )


def largest_confusions(
    label: Label, matrix: Sequence[Sequence[int]], most: int = 15
) -> list[Confusion]:
    """Return the pairs of classes that are confused most often.

    Args:
        label: The label.
        matrix: Number of images by class (rows) and prediction (columns).
        most: Number of pairs.

    Example:
        >>> from data import GENDER
        >>> [(c.given, c.prediction, c.count) for c in largest_confusions(GENDER, [[3, 1], [0, 4]])]
        [('woman', 'man', 1)]
    """
    pairs = [
        Confusion(label.classes[row], label.classes[column], count, count / sum(counts))
        for row, counts in enumerate(matrix)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    return sorted(pairs, key=lambda pair: -pair.count)[:most]


def majority(label: Label, scores: Scores) -> tuple[str, float]:
    """Return the class of most images and its share: the accuracy of always predicting it.

    Args:
        label: The label.
        scores: Figures of a split.

    Example:
        >>> from tuning.metrics import evaluate
        >>> from data import GENDER
        >>> p = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
        >>> majority(GENDER, evaluate(GENDER, np.array([0, 1, 1, 1]), p))
        ('man', 0.75)
    """
    counts = [sum(row) for row in scores.confusion]
    most = max(counts)
    return label.classes[counts.index(most)], most / scores.count
