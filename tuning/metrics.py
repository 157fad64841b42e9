"""Figures of a classifier on one label: scikit-learn's and SciPy's, intervals, calibration.

Codes are classes of a label, int [N], `data.labels.MISSING` where an image has none; such images
count nowhere. Probabilities `p` are those of all classes, float [N, C].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special, stats
from sklearn import metrics

from data import Label
from data.labels import MISSING, class_slices, decisions, from_outputs, output_slices
from tuning.runs.schema import OperatingPoint, Scores, Subgroup, SubgroupScores

BINS = 15
CONFIDENCE = 0.95
TARGETS = (0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)
"""Accuracies of the decisions given, of which the highest is wanted that half of them reach."""
_LEAST_DECIDED = 0.5
_STEPS = 51
_BELOW_ONE = float(np.nextafter(1.0, 0.0))  # what must reach 1 is never decided
_CLIP = 1e-7


def probabilities(
    labels: Sequence[Label], logits: np.ndarray, temperatures: Sequence[float] | None = None
) -> np.ndarray:
    """Turn the logits of a head into class probabilities.

    Args:
        labels: The labels of the head.
        logits: Logits of all labels side by side, float [N, sum of widths].
        temperatures: What each label's logits are divided by; None for 1.

    Returns:
        float64 [N, K].

    Example:
        >>> from data import GENDER
        >>> probabilities([GENDER], np.array([[0.0], [100.0]])).tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    scaled = np.asarray(logits, dtype=np.float64)
    outputs = []
    for number, (label, at) in enumerate(zip(labels, output_slices(labels), strict=True)):
        part = scaled[:, at] / (temperatures[number] if temperatures else 1.0)
        outputs.append(special.expit(part) if label.is_binary else special.softmax(part, axis=1))
    return from_outputs(labels, outputs)


def logits_of(labels: Sequence[Label], p: np.ndarray) -> np.ndarray:
    """Turn class probabilities back into logits; those at 0 or 1 become -16 or 16.

    Args:
        labels: The labels of the model.
        p: Class probabilities, float [N, K].

    Returns:
        float64 [N, sum of widths], of many classes up to a constant.

    Example:
        >>> from data import GENDER
        >>> logits_of([GENDER], np.array([[0.5, 0.5], [0.0, 1.0]])).round(1).tolist()
        [[0.0], [16.1]]
    """
    clipped = np.clip(p, _CLIP, 1 - _CLIP)
    parts = []
    for label, at in zip(labels, class_slices(labels), strict=True):
        of_label = clipped[:, at]
        if label.is_binary:
            second = of_label[:, 1:]
            parts.append(np.log(second / (1 - second)))
        else:
            parts.append(np.log(of_label))
    return np.hstack(parts)


def accuracy(codes: np.ndarray, p: np.ndarray) -> float:
    """Return the share of correct decisions.

    Args:
        codes: Codes, int [N].
        p: Class probabilities, float [N, C].

    Example:
        >>> accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]))
        0.5
    """
    codes, p = _known(codes, p)
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
    codes, p = _known(codes, p)
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
    codes, p = _known(codes, p)
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
    codes, p = _known(codes, p)
    clipped = np.clip(p, _CLIP, 1 - _CLIP)
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
    parts = [(codes[:, number], p[:, at]) for number, at in enumerate(class_slices(labels))]
    return MeanScores(*(float(np.mean([figure(*part) for part in parts])) for figure in _MEANS))


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


def equal_bins(values: np.ndarray, count: int) -> np.ndarray:
    """Number the bins that probabilities fall in.

    Args:
        values: Probabilities, float [N].
        count: Number of equally wide bins.

    Returns:
        0 to `count` - 1, int [N].

    Example:
        >>> equal_bins(np.array([0.0, 0.1, 0.99, 1.0]), 10).tolist()
        [0, 1, 9, 9]
    """
    return np.minimum((values * count).astype(int), count - 1)


def calibration_error(codes: np.ndarray, p: np.ndarray) -> float:
    """Return the expected calibration error over 15 equal bins (Guo et al., 2017).

    Of two classes it is that of the second one's probability, of more that of the likeliest's.

    Args:
        codes: Codes, int [N].
        p: Class probabilities, float [N, C].

    Example:
        >>> second = np.array([0.9, 0.9, 0.1])
        >>> round(calibration_error(np.array([1, 1, 0]), np.stack([1 - second, second], 1)), 6)
        0.1
    """
    codes, p = _known(codes, p)
    said, happened = calibration_points(codes, p)
    gaps = (
        pd.DataFrame({"gap": said - happened})
        .groupby(equal_bins(said, BINS))["gap"]
        .agg(["mean", "size"])
    )
    return float((gaps["mean"].abs() * gaps["size"]).sum() / len(codes))


def calibration_points(codes: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what was said and what happened: the pairs whose gap is the calibration error.

    Args:
        codes: Codes, int [N], none of them missing.
        p: Class probabilities, float [N, C].

    Returns:
        Probabilities, float [N], of the second of two classes, or of the likeliest of many; and
        whether that class was the label's, bool [N].

    Example:
        >>> said, happened = calibration_points(np.array([0]), np.array([[0.7, 0.3]]))
        >>> said.tolist(), happened.tolist()
        ([0.3], [False])
    """
    if p.shape[1] == 2:
        return p[:, 1], codes == 1
    return p.max(axis=1), decisions(p) == codes


def fit_temperature(label: Label, codes: np.ndarray, logits: np.ndarray) -> float:
    """Find the temperature T that minimizes the cross-entropy of logits / T (Guo et al., 2017).

    Args:
        label: The label.
        codes: Codes, int [N].
        logits: Logits, float [N, width].

    Returns:
        0.05 to 20.

    Example:
        >>> from data import GENDER
        >>> codes = np.array([0, 0, 0, 1] * 50 + [1, 1, 1, 0] * 50)
        >>> logits = np.repeat([-4.0, 4.0], 200)[:, None]  # 98 % sure, 75 % correct
        >>> round(fit_temperature(GENDER, codes, logits), 1)
        3.6
    """
    codes, logits = _known(codes, logits)
    result = optimize.minimize_scalar(
        lambda log_t: log_loss(codes, probabilities([label], logits, [float(np.exp(log_t))])),
        bounds=(np.log(0.05), np.log(20.0)),
        method="bounded",
    )
    return float(np.exp(result.x))


def confidence(p: np.ndarray) -> np.ndarray:
    """Return the probability of the likeliest class.

    Args:
        p: Class probabilities, float [N, C].

    Returns:
        float [N].

    Example:
        >>> confidence(np.array([[0.8, 0.2], [0.5, 0.5]])).tolist()
        [0.8, 0.5]
    """
    return np.asarray(p).max(axis=1)


def operating_point(
    codes: np.ndarray, p: np.ndarray, target: float | None = None
) -> OperatingPoint:
    """Choose the probability from which on a decision is given.

    From the surest half of the images on, ever more are decided, as long as the lower bound of the
    decisions' accuracy (one-sided 95 %, Clopper and Pearson, 1934) reaches the target. Tests in a
    fixed order that end at the first failure keep their level together (Angelopoulos et al.,
    "Learn then Test", 2021).

    Args:
        codes: Codes of the validation split, int [N].
        p: Class probabilities, float [N, C].
        target: Wanted accuracy of the decisions given; None for the highest of `TARGETS` with
            which at least half of the images are decided.

    Returns:
        The same least probability for every class; 1, so that nothing is decided, where even the
        surest half of the decisions does not reach the target.

    Example:
        >>> codes = np.arange(1000) % 2
        >>> second = np.where(codes == 1, 0.9, 0.1)
        >>> second[:100] = 0.55  # half of these decisions are wrong
        >>> point = operating_point(codes, np.stack([1 - second, second], axis=1))
        >>> point.target_accuracy, 0.55 < point.least[0] <= 0.9, point.share_uncertain
        (0.98, True, 0.1)
    """
    codes, p = _known(codes, p)
    correct, sure = decisions(p) == codes, confidence(p)
    targets = TARGETS if target is None else (target,)
    for wanted in targets:
        point = _point(correct, sure, wanted, p.shape[1])
        if point:
            return point
    return OperatingPoint(
        least=(1.0,) * p.shape[1], target_accuracy=targets[-1], accuracy=0.0, share_uncertain=1.0
    )


def _point(
    correct: np.ndarray, sure: np.ndarray, target: float, classes: int
) -> OperatingPoint | None:
    chosen = None
    for share in np.linspace(_LEAST_DECIDED, 1.0, _STEPS):
        least = float(np.quantile(sure, 1 - share, method="inverted_cdf")) if share < 1 else 0.0
        least = min(least, _BELOW_ONE)
        given = sure >= least
        right, total = int(correct[given].sum()), int(given.sum())
        bound = float(stats.beta.ppf(1 - CONFIDENCE, right, total - right + 1)) if right else 0.0
        if bound < target:
            break
        chosen = OperatingPoint(
            least=(least,) * classes,
            target_accuracy=target,
            accuracy=right / total,
            accuracy_bound=bound,
            share_uncertain=float((~given).mean()),
        )
    return chosen


def evaluate(label: Label, codes: np.ndarray, p: np.ndarray) -> Scores:
    """Compute all figures of one label on one split.

    Args:
        label: The label.
        codes: Codes, int [N].
        p: Class probabilities, float [N, C].

    Example:
        >>> from data import GENDER
        >>> second = np.array([0.1, 0.6, 0.7, 0.9])
        >>> p = np.stack([1 - second, second], axis=1)
        >>> scores = evaluate(GENDER, np.array([0, 0, 1, 1]), p)
        >>> scores.accuracy, scores.confusion
        (0.75, ((1, 1), (0, 2)))
    """
    codes, p = _known(codes, p)
    predictions, classes = decisions(p), list(range(len(label.classes)))
    correct = int((predictions == codes).sum())
    confusion = metrics.confusion_matrix(codes, predictions, labels=classes)
    present = np.unique(codes)
    recalls = confusion.diagonal() / confusion.sum(axis=1).clip(min=1)
    f1 = metrics.f1_score(codes, predictions, labels=present, average="macro", zero_division=0.0)
    return Scores(
        count=len(codes),
        accuracy=correct / len(codes),
        accuracy_interval=accuracy_interval(correct, len(codes)),
        balanced_accuracy=float(recalls[present].mean()),
        auc=auc(codes, p),
        brier=brier(codes, p),
        calibration_error=calibration_error(codes, p),
        log_loss=log_loss(codes, p),
        confusion=confusion.tolist(),
        macro_f1=float(f1),
    )


def subgroups(
    manifest: pd.DataFrame, attributes: list[str], correct: np.ndarray, minimum: int = 30
) -> tuple[Subgroup, ...]:
    """Compute accuracy with and without each attribute, largest gap first.

    Args:
        manifest: Rows of one split, with the attributes as booleans.
        attributes: Columns to look at.
        correct: Whether each decision is correct, bool [N].
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


_MEANS = (accuracy, auc, brier, log_loss)


def _known(codes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the images whose code is missing."""
    codes = np.asarray(codes)
    known = codes != MISSING
    return codes[known].astype(np.int64), np.asarray(values)[known]
