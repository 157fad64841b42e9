"""Figures of a binary classifier: scikit-learn's and SciPy's, with intervals and calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize, special, stats
from sklearn import metrics

from tuning.runs.schema import Scores, Subgroup, SubgroupScores, UncertaintyBand

BINS = 15
CONFIDENCE = 0.95
TARGET_ACCURACY = 0.98
DECISION_THRESHOLD = 0.5
_CLIP = 1e-7


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Turn logits into probabilities.

    Args:
        logits: Logits, float [N].

    Returns:
        float64 [N].

    Example:
        >>> sigmoid(np.array([0.0, 100.0])).tolist()
        [0.5, 1.0]
    """
    return special.expit(np.asarray(logits, dtype=np.float64))


def logit(p_man: np.ndarray) -> np.ndarray:
    """Turn probabilities back into logits; those at 0 or 1 become -16 or 16.

    Args:
        p_man: Probabilities, float [N].

    Example:
        >>> logit(np.array([0.5, 1.0])).round(1).tolist()
        [0.0, 16.1]
    """
    p = np.clip(p_man, _CLIP, 1 - _CLIP)
    return np.log(p / (1 - p))


def accuracy(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Return the share of correct decisions.

    Args:
        labels: Labels, 0 or 1, [N].
        p_man: Probabilities, float [N].

    Example:
        >>> accuracy(np.array([0, 1]), np.array([0.1, 0.4]))
        0.5
    """
    return float(metrics.accuracy_score(labels, decisions(p_man)))


def auc(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Return the area under the ROC curve.

    Args:
        labels: Labels, 0 or 1, both among them, [N].
        p_man: Probabilities or logits, float [N].

    Example:
        >>> auc(np.array([0, 0, 1]), np.array([0.1, 0.4, 0.3]))
        0.5
    """
    return float(metrics.roc_auc_score(labels, p_man))


def brier(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Return the mean squared error of p_man (Brier, 1950).

    Args:
        labels: Labels, 0 or 1, [N].
        p_man: Probabilities, float [N].

    Example:
        >>> brier(np.array([0, 1]), np.array([0.5, 1.0]))
        0.125
    """
    return float(metrics.brier_score_loss(labels, p_man))


def log_loss(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Return the mean cross-entropy, nats.

    Args:
        labels: Labels, 0 or 1, [N].
        p_man: Probabilities, float [N]; those at 0 or 1 are moved in by 1e-7.

    Example:
        >>> round(log_loss(np.array([0, 1]), np.array([0.5, 0.5])), 3)
        0.693
    """
    return float(metrics.log_loss(labels, np.clip(p_man, _CLIP, 1 - _CLIP), labels=[0, 1]))


def accuracy_interval(correct: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval (1927) of a share of correct decisions.

    Args:
        correct: Number of correct decisions.
        total: Number of decisions, at least 1.

    Returns:
        Lower and upper end, 0..1.

    Example:
        >>> low, high = accuracy_interval(8, 10)
        >>> round(low, 2), round(high, 2)
        (0.49, 0.94)
    """
    interval = stats.binomtest(correct, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def equal_bins(p_man: np.ndarray, count: int) -> np.ndarray:
    """Number the bins that probabilities fall in.

    Args:
        p_man: Probabilities, float [N].
        count: Number of equally wide bins.

    Returns:
        0 to `count` - 1, int [N].

    Example:
        >>> equal_bins(np.array([0.0, 0.1, 0.99, 1.0]), 10).tolist()
        [0, 1, 9, 9]
    """
    return np.minimum((p_man * count).astype(int), count - 1)


def calibration_error(labels: np.ndarray, p_man: np.ndarray) -> float:
    """Return the expected calibration error over 15 equal bins of p_man (Guo et al., 2017).

    Args:
        labels: Labels, 0 or 1, [N].
        p_man: Probabilities, float [N].

    Example:
        >>> round(calibration_error(np.array([1, 1, 0]), np.array([0.9, 0.9, 0.1])), 6)
        0.1
    """
    gaps = (
        pd.DataFrame({"gap": p_man - labels})
        .groupby(equal_bins(p_man, BINS))["gap"]
        .agg(["mean", "size"])
    )
    return float((gaps["mean"].abs() * gaps["size"]).sum() / len(labels))


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """Find the temperature T that minimizes the cross-entropy of logits / T (Guo et al., 2017).

    Args:
        labels: Labels, 0 or 1, [N].
        logits: Logits, float [N].

    Returns:
        0.05 to 20.

    Example:
        >>> labels = np.array([0, 0, 0, 1] * 50 + [1, 1, 1, 0] * 50)
        >>> logits = np.repeat([-4.0, 4.0], 200)  # 98 % sure, 75 % correct
        >>> round(fit_temperature(labels, logits), 1)
        3.6
    """
    result = optimize.minimize_scalar(
        lambda log_t: log_loss(labels, sigmoid(logits / np.exp(log_t))),
        bounds=(np.log(0.05), np.log(20.0)),
        method="bounded",
    )
    return float(np.exp(result.x))


def decisions(p_man: np.ndarray) -> np.ndarray:
    """Decide at p_man >= 0.5.

    Args:
        p_man: Probabilities, float [N].

    Returns:
        True for "man", bool [N].

    Example:
        >>> decisions(np.array([0.2, 0.5, 0.9])).tolist()
        [False, True, True]
    """
    return np.asarray(p_man) >= DECISION_THRESHOLD


def confidence(p_man: np.ndarray) -> np.ndarray:
    """Return how far probabilities are from the decision threshold.

    Args:
        p_man: Probabilities, float [N].

    Returns:
        0..0.5, float [N].

    Example:
        >>> confidence(np.array([0.1, 0.5])).tolist()
        [0.4, 0.0]
    """
    return np.abs(p_man - DECISION_THRESHOLD)


def uncertainty_band(
    labels: np.ndarray, p_man: np.ndarray, target: float = TARGET_ACCURACY
) -> UncertaintyBand:
    """Find the narrowest band around 0.5, alike on both sides, whose outside is correct enough.

    Args:
        labels: Labels of the validation split, 0 or 1, [N].
        p_man: Probabilities, float [N].
        target: Wanted share of correct decisions among those given.

    Returns:
        The band; without a decision at all where no band reaches the target.

    Example:
        >>> labels, p_man = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.7, 0.9])
        >>> band = uncertainty_band(labels, p_man)
        >>> round(band.low, 2), round(band.high, 2), band.share_uncertain
        (0.35, 0.65, 0.25)
    """
    labels = np.asarray(labels)
    confidences = confidence(p_man)
    correct = decisions(p_man) == (labels == 1)
    order = np.argsort(-confidences, kind="stable")
    share_correct = np.cumsum(correct[order]) / np.arange(1, len(labels) + 1)
    # Ties are decided together: only the last of equal confidences may end the decided part.
    sorted_confidence = confidences[order]
    last = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    reached = np.flatnonzero((share_correct >= target) & last)
    if not len(reached):
        return _band(DECISION_THRESHOLD, target, 0.0, 1.0)
    decided = reached[-1] + 1
    accuracy = float(share_correct[decided - 1])
    if decided == len(labels):
        return _band(0.0, target, accuracy, 0.0)
    half = float(sorted_confidence[decided - 1] + sorted_confidence[decided]) / 2
    return _band(half, target, accuracy, float(1 - decided / len(labels)))


def _band(half: float, target: float, accuracy: float, share_uncertain: float) -> UncertaintyBand:
    return UncertaintyBand(
        low=DECISION_THRESHOLD - half,
        high=DECISION_THRESHOLD + half,
        target_accuracy=target,
        accuracy=accuracy,
        share_uncertain=share_uncertain,
    )


def evaluate(labels: np.ndarray, p_man: np.ndarray) -> Scores:
    """Compute all figures of one split.

    Args:
        labels: Labels, 0 or 1, [N].
        p_man: Probabilities, float [N].

    Example:
        >>> scores = evaluate(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.7, 0.9]))
        >>> scores.accuracy, scores.confusion
        (0.75, ((1, 1), (0, 2)))
    """
    predictions = decisions(p_man).astype(int)
    correct = int((predictions == labels).sum())
    return Scores(
        count=len(labels),
        accuracy=correct / len(labels),
        accuracy_interval=accuracy_interval(correct, len(labels)),
        balanced_accuracy=float(metrics.balanced_accuracy_score(labels, predictions)),
        auc=auc(labels, p_man),
        brier=brier(labels, p_man),
        calibration_error=calibration_error(labels, p_man),
        log_loss=log_loss(labels, p_man),
        confusion=metrics.confusion_matrix(labels, predictions, labels=[0, 1]).tolist(),
    )


def subgroups(
    manifest: pd.DataFrame, attributes: list[str], p_man: np.ndarray, minimum: int = 30
) -> tuple[Subgroup, ...]:
    """Compute accuracy with and without each attribute, largest gap first.

    Args:
        manifest: Rows of one split, with `label` and the attributes as booleans.
        attributes: Columns to look at.
        p_man: Probabilities, float [N].
        minimum: Number of images that both sides must have.

    Returns:
        Attributes with enough images.

    Example:
        >>> manifest = pd.DataFrame({"label": [0, 0, 1, 1], "Hat": [True, True, False, False]})
        >>> [group] = subgroups(manifest, ["Hat"], np.array([0.1, 0.6, 0.7, 0.9]), minimum=2)
        >>> group.attribute, group.gap
        ('Hat', -0.5)
    """
    correct = decisions(p_man) == (manifest["label"].to_numpy() == 1)
    groups = []
    for attribute in attributes:
        has = manifest[attribute].to_numpy(dtype=bool)
        if min(has.sum(), (~has).sum()) < minimum:
            continue
        side, other = _subgroup_scores(correct[has]), _subgroup_scores(correct[~has])
        gap = side.accuracy - other.accuracy
        groups.append(Subgroup(attribute=attribute, gap=gap, with_=side, without=other))
    return tuple(sorted(groups, key=lambda group: -abs(group.gap)))


def _subgroup_scores(correct: np.ndarray) -> SubgroupScores:
    hits, total = int(correct.sum()), len(correct)
    interval = accuracy_interval(hits, total)
    return SubgroupScores(count=total, accuracy=hits / total, accuracy_interval=interval)
