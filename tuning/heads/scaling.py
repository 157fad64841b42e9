"""From the scores of a regression to logits whose probabilities are calibrated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from data import Label

_LEAST_SLOPE, _MOST_SLOPE = 0.01, 20.0  # for scores with a variance of 1
_LEAST_SPREAD = 1e-3  # of scores; less is rounding


class Scaling(NamedTuple):
    """What turns the scores of a label into logits.

    Attributes:
        slope: Positive number that scores are multiplied by.
        bias: What is then added, one a logit, float64 [width].
    """

    slope: float
    bias: np.ndarray

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Return the logits of scores, float [N, width]."""
        return self.slope * scores + self.bias


def fit_scaling(label: Label, codes: np.ndarray, scores: np.ndarray) -> Scaling:
    """Fit logistic regression with one slope and a bias for each logit (Platt, 1999).

    Each of n images counts as one of another class by 1 / (n + 2), as Platt has it, so that classes
    that are told apart without an error, or that no image has, give no infinite numbers.

    Args:
        label: The label.
        codes: Codes, none of them missing, int [n].
        scores: Scores of images that were not learned from, float [n, width].

    Example:
        >>> from data import GENDER
        >>> codes = np.array([0, 0, 0, 1] * 50 + [1, 1, 1, 0] * 50)
        >>> scaling = fit_scaling(GENDER, codes, np.repeat([-1.0, 1.0], 200)[:, None])
        >>> round(scaling.slope, 1)  # 75 % of the scores are on the right side: log(3)
        1.1
    """
    if not len(codes):
        return Scaling(1.0, np.zeros(label.width))
    spread = max(float(scores.std()), _LEAST_SPREAD)
    scores = np.asarray(scores, np.float64) / spread
    # Of two classes the first one's logit is 0: then both are many.
    every = np.hstack([np.zeros((len(scores), 1)), scores]) if label.is_binary else scores
    targets = _targets(codes, every.shape[1])
    start = np.r_[1.0, np.log(targets.mean(axis=0))]
    free: list[tuple[float | None, float | None]] = [(None, None)] * every.shape[1]
    fitted = optimize.minimize(
        _cross_entropy, start, (every, targets), "L-BFGS-B", True,
        bounds=[(_LEAST_SLOPE, _MOST_SLOPE), *free],
    )  # fmt: skip
    slope, bias = float(fitted.x[0]) / spread, fitted.x[1:]
    return Scaling(slope, bias[1:] - bias[0] if label.is_binary else bias - bias.mean())


def _targets(codes: np.ndarray, classes: int) -> np.ndarray:
    unsure = 1 / (len(codes) + 2)
    targets = np.full((len(codes), classes), unsure / (classes - 1))
    targets[np.arange(len(codes)), codes] = 1 - unsure
    return targets


def _cross_entropy(
    parameters: np.ndarray, scores: np.ndarray, targets: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean cross-entropy of slope and biases, and its gradient."""
    log_p = special.log_softmax(parameters[0] * scores + parameters[1:], axis=1)
    off = (np.exp(log_p) - targets) / len(scores)
    loss = -(targets * log_p).sum() / len(scores)
    return float(loss), np.r_[(off * scores).sum(), off.sum(axis=0)]
