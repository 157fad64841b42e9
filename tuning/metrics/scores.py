"""Scores of class probabilities against codes, of one label and as means of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import metrics

from data import Label
from data.labels import decisions
from tuning.metrics.calibration import calibration_error
from tuning.metrics.intervals import accuracy_interval
from tuning.metrics.known import by_label, known
from tuning.metrics.probabilities import CLIP
from tuning.runs.schema import Scores, Subgroup, SubgroupScores


def accuracy(codes: np.ndarray, p: np.ndarray) -> float:
    """Return the share of correct decisions.

    Args:
        codes: Codes, int [N].
        p: Class probabilities, float [N, C].

    Example:
        >>> accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]))
        0.5
    """
    codes, p = known(codes, p)
    return float(metrics.accuracy_score(codes, decisions(p)))


def auc(codes: np.ndarray, p: np.ndarray) -> float:
    """Return the area under the ROC curve; of many classes the mean of each against the rest.

    Args:
        codes: Codes, at least two different ones among them, int [N].
        p: Class probabilities, float [N, C].

    Example:
        >>> second = np.array([0.1, 0.4, 0.3])
        >>> auc(np.array([0, 0, 1]), np.stack([1 - second, second], axis=1))
        0.5
    """
    codes, p = known(codes, p)
    if p.shape[1] == 2:
        return float(metrics.roc_auc_score(codes, p[:, 1]))
    present = [code for code in range(p.shape[1]) if 0 < (codes == code).sum() < len(codes)]
    return float(np.mean([metrics.roc_auc_score(codes == code, p[:, code]) for code in present]))


def brier(codes: np.ndarray, p: np.ndarray) -> float:
    """Return the mean squared error of the probabilities (Brier, 1950), halved to be 0..1.

    Of two classes this is the mean squared error of the second one's probability.

    Args:
        codes: Codes, int [N].
        p: Class probabilities, float [N, C].

    Example:
        >>> brier(np.array([0, 1]), np.array([[0.5, 0.5], [0.0, 1.0]]))
        0.125
    """
    codes, p = known(codes, p)
    return float(((p - np.eye(p.shape[1])[codes]) ** 2).sum(axis=1).mean() / 2)


def log_loss(codes: np.ndarray, p: np.ndarray) -> float:
    """Return the mean cross-entropy, nats.

    Args:
        codes: Codes, int [N].
        p: Class probabilities, float [N, C]; those at 0 or 1 are moved in by 1e-7.

    Example:
        >>> round(log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]])), 3)
        0.693
    """
    codes, p = known(codes, p)
    clipped = np.clip(p, CLIP, 1 - CLIP)
    return float(-np.log(clipped[np.arange(len(codes)), codes]).mean())


class MeanScores(NamedTuple):
    """Figures of a model, each the mean over its labels: by these trials are compared."""

    accuracy: float
    auc: float
    brier: float
    log_loss: float


def mean_scores(labels: Sequence[Label], codes: np.ndarray, p: np.ndarray) -> MeanScores:
    """Compute the figures by which trials and models are compared.

    Args:
        labels: The L labels of the model.
        codes: Codes, int [N, L].
        p: Class probabilities of all labels, float [N, K].

    Example:
        >>> from data import GENDER
        >>> mean_scores([GENDER], np.array([[0], [1]]), np.array([[0.9, 0.1], [0.2, 0.8]])).auc
        1.0
    """
    parts = [part for _, part in by_label(labels, codes, p)]
    return MeanScores(*(float(np.mean([figure(*part) for part in parts])) for figure in _MEANS))


def evaluate(
    label: Label, codes: np.ndarray, p: np.ndarray, people: np.ndarray | None = None
) -> Scores:
    """Compute all figures of one label on one split.

    Args:
        label: The label.
        codes: Codes, int [N].
        p: Class probabilities, float [N, C].
        people: Number of the person in each image, int [N]; None for as many people.

    Example:
        >>> from data import GENDER
        >>> second = np.array([0.1, 0.6, 0.7, 0.9])
        >>> p = np.stack([1 - second, second], axis=1)
        >>> scores = evaluate(GENDER, np.array([0, 0, 1, 1]), p)
        >>> scores.accuracy, scores.confusion
        (0.75, ((1, 1), (0, 2)))
    """
    codes, p, people = known(codes, p, people)
    predictions, classes = decisions(p), list(range(len(label.classes)))
    confusion = metrics.confusion_matrix(codes, predictions, labels=classes)
    present = np.unique(codes)
    recalls = confusion.diagonal() / confusion.sum(axis=1).clip(min=1)
    f1 = metrics.f1_score(codes, predictions, labels=present, average="macro", zero_division=0.0)
    return Scores(
        count=len(codes),
        accuracy=float((predictions == codes).mean()),
        accuracy_interval=accuracy_interval(predictions == codes, people),
        balanced_accuracy=float(recalls[present].mean()),
        auc=auc(codes, p),
        brier=brier(codes, p),
        calibration_error=calibration_error(codes, p),
        log_loss=log_loss(codes, p),
        confusion=confusion.tolist(),
        macro_f1=float(f1),
    )


def subgroups(
    manifest: pd.DataFrame,
    attributes: list[str],
    correct: np.ndarray,
    people: np.ndarray | None = None,
    minimum: int = 30,
) -> tuple[Subgroup, ...]:
    """Compute accuracy with and without each attribute, largest gap first.

    Args:
        manifest: Rows of one split, with the attributes as booleans.
        attributes: Columns to look at.
        correct: Whether each decision is correct, bool [N].
        people: Number of the person in each image, int [N]; None for as many people.
        minimum: Number of images that both sides must have.

    Returns:
        Attributes with enough images.

    Example:
        >>> manifest = pd.DataFrame({"Hat": [True, True, False, False]})
        >>> correct = np.array([True, False, True, True])
        >>> [group] = subgroups(manifest, ["Hat"], correct, minimum=2)
        >>> group.attribute, group.gap
        ('Hat', -0.5)
    """
    people = np.arange(len(correct)) if people is None else people
    groups = []
    for attribute in attributes:
        has = manifest[attribute].to_numpy(dtype=bool)
        if min(has.sum(), (~has).sum()) < minimum:
            continue
        side, other = (_subgroup_scores(correct[rows], people[rows]) for rows in (has, ~has))
        gap = side.accuracy - other.accuracy
        groups.append(Subgroup(attribute=attribute, gap=gap, with_=side, without=other))
    return tuple(sorted(groups, key=lambda group: -abs(group.gap)))


def _subgroup_scores(correct: np.ndarray, people: np.ndarray) -> SubgroupScores:
    return SubgroupScores(
        count=len(correct),
        accuracy=float(correct.mean()),
        accuracy_interval=accuracy_interval(correct, people),
    )


_MEANS = (accuracy, auc, brier, log_loss)
