"""Calibration: how far off probabilities are, and the slope and biases that put them right.

A head that is trained with class weights says of a rare class what would be so if all classes were
as frequent: its logits are off by the logarithm of their weights. A temperature cannot undo that,
as it leaves 0.5 where it is; a bias can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import optimize, special
from sklearn.model_selection import GroupKFold

from data import Label
from data.labels import decisions, output_slices
from tuning.metrics.known import known
from tuning.metrics.probabilities import logits_of, probabilities
from tuning.runs.schema import Calibration

_BINS = 15
_FOLDS = 5
_SLOPES = (0.05, 20.0)


def fit_calibration(label: Label, codes: np.ndarray, logits: np.ndarray) -> Calibration:
    """Find the slope and biases that minimize the cross-entropy of a label's logits.

    Of n images each counts as one of another class by 1 / (n + 2), Laplace's rule, as in Platt's
    "Probabilistic outputs for support vector machines" (1999): classes that a few images tell apart
    without an error, or do not have, give no infinite slope or bias. Logits of any scale will do.

    Args:
        label: The label.
        codes: Codes, int [N].
        logits: Logits, float [N, width].

    Returns:
        A slope of 0.05 to 20, and biases, of many classes with a mean of 0; what changes nothing
        where there are images of one class alone.

    Example:
        >>> from data import GENDER
        >>> codes = np.array([0, 0, 0, 1] * 50 + [1, 1, 1, 0] * 50)
        >>> logits = np.repeat([-4.0, 4.0], 200)[:, None]  # 98 % sure, 75 % correct
        >>> calibration = fit_calibration(GENDER, codes, logits)
        >>> round(1 / calibration.slope, 1), round(abs(calibration.bias[0]), 3)
        (3.7, 0.0)
    """
    codes, logits = known(codes, logits)
    if len(np.unique(codes)) < 2:
        return Calibration.none(label)
    targets = _targets(codes, len(label.classes))
    logits = np.asarray(logits, np.float64)
    # Of two classes the first one's logit is 0: then both are many.
    every = np.hstack([np.zeros((len(codes), 1)), logits]) if label.is_binary else logits
    size = every.shape[1]
    fitted = optimize.minimize(
        _cross_entropy,
        np.r_[1.0, np.zeros(size)],
        args=(every, targets),
        jac=True,
        method="TNC",  # L-BFGS-B wakes BLAS's threads: 20 times the time where others compute
        bounds=[_SLOPES, *[(None, None)] * size],
    )
    slope, bias = float(fitted.x[0]), fitted.x[1:]
    bias = bias[1:] - bias[0] if label.is_binary else bias - bias.mean()
    return Calibration(slope=slope, bias=tuple(bias.tolist()))


def _targets(codes: np.ndarray, classes: int) -> np.ndarray:
    """How probable each class is taken to be, float [n, C]."""
    unsure = 1 / (len(codes) + 2)
    targets = np.full((len(codes), classes), unsure / (classes - 1))
    targets[np.arange(len(codes)), codes] = 1 - unsure
    return targets


def _cross_entropy(
    parameters: np.ndarray, logits: np.ndarray, targets: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean cross-entropy of slope and biases, and its gradient."""
    log_p = special.log_softmax(parameters[0] * logits + parameters[1:], axis=1)
    off = (np.exp(log_p) - targets) / len(logits)
    loss = -(targets * log_p).sum() / len(logits)
    return float(loss), np.r_[(off * logits).sum(), off.sum(axis=0)]


def fit_calibrations(
    labels: Sequence[Label], codes: np.ndarray, logits: np.ndarray
) -> tuple[Calibration, ...]:
    """Fit the calibration of each label.

    Args:
        labels: The L labels of a model.
        codes: Codes, int [N, L].
        logits: Logits of all labels side by side, float [N, sum of widths].

    Example:
        >>> from data import GENDER
        >>> [calibration] = fit_calibrations([GENDER], np.array([[0], [0], [1]]), np.zeros((3, 1)))
        >>> round(calibration.bias[0], 2)  # log(1 / 2) = -0.69, but for so few images
        -0.41
    """
    return tuple(
        fit_calibration(label, codes[:, number], logits[:, at])
        for number, (label, at) in enumerate(zip(labels, output_slices(labels), strict=True))
    )


def cross_fitted(
    labels: Sequence[Label], codes: np.ndarray, p: np.ndarray, people: np.ndarray
) -> np.ndarray:
    """Calibrate each fifth of the people by the other images, so that no image is its own judge.

    Args:
        labels: The L labels of a model.
        codes: Codes, int [N, L].
        p: Class probabilities, float [N, K], calibrated or not: that makes no difference.
        people: Number of the person in each image, int [N].

    Returns:
        Class probabilities, float64 [N, K]; `p` where there are fewer than two people.

    Example:
        >>> from data import GENDER
        >>> codes = np.arange(100)[:, None] % 2
        >>> p = np.where(codes == [0, 1], 0.6, 0.4)  # far less sure than it is correct
        >>> bool(cross_fitted([GENDER], codes, p, np.arange(100)).max(axis=1).min() > 0.97)
        True
    """
    logits, result = logits_of(labels, p), np.array(p, dtype=np.float64)
    for others, asked in _folds(people):
        fitted = fit_calibrations(labels, codes[others], logits[others])
        result[asked] = probabilities(labels, logits[asked], fitted)
    return result


def _folds(people: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    people = pd.factorize(people)[0]  # the same folds, however they are numbered
    count = min(_FOLDS, len(np.unique(people)))
    if count < 2:
        return iter(())
    splitter = GroupKFold(count, shuffle=True, random_state=0)
    return splitter.split(people, groups=people)


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
    codes, p = known(codes, p)
    said, happened = calibration_points(codes, p)
    gaps = (
        pd.DataFrame({"gap": said - happened})
        .groupby(equal_bins(said, _BINS))["gap"]
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
