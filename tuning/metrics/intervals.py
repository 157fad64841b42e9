"""Intervals of a share of correct decisions, of images of which some show the same person.

Photos of one person are wrong together more often than others: as many of them say less than as
many people. Both intervals count them as the number of independent images that would vary as much,
the effective sample size (Korn and Graubard, "Confidence intervals for proportions with small
expected number of positive counts estimated from survey data", 1998). Dean and Pagano ("Evaluating
confidence interval methods for binomial proportions in clustered surveys", 2015) find that Wilson's
interval of it keeps its level.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


def accuracy_interval(correct: np.ndarray, people: np.ndarray | None = None) -> tuple[float, float]:
    """Return Wilson's 95 % interval (1927) of the share of correct decisions.

    Args:
        correct: Whether each decision is correct, bool [N], at least one.
        people: Number of the person in each image, int [N]; None for as many people.

    Returns:
        Lower and upper end, 0..1.

    Example:
        >>> correct = np.arange(10) < 8
        >>> [round(end, 2) for end in accuracy_interval(correct)]
        [0.49, 0.94]
        >>> [round(end, 2) for end in accuracy_interval(correct, np.arange(10) // 2)]
        [0.27, 0.98]
    """
    share, n = float(np.mean(correct)), effective_size(correct, people)
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # By rounding, an end at 0 or 1 may miss the share itself.
    return max(min(float(middle - half), share), 0.0), min(max(float(middle + half), share), 1.0)


def lower_bound(share: float, n: float) -> float:
    """Return the lower end of a share's 95 % interval (Clopper and Pearson, 1934).

    Args:
        share: Share of correct decisions, 0..1.
        n: Effective number of decisions, positive.

    Example:
        >>> round(lower_bound(1.0, 10), 2), lower_bound(0.0, 10)
        (0.69, 0.0)
    """
    correct = share * n
    if correct == 0:
        return 0.0
    return float(stats.beta.ppf((1 - CONFIDENCE) / 2, correct, n - correct + 1))


def effective_size(correct: np.ndarray, people: np.ndarray | None = None) -> float:
    """Return the number of independent decisions whose share of correct ones varies as much.

    It is the number of decisions over the design effect, the variance by people over that of
    independent images, taken as 1 where it is less; with the correction for few people of Korn and
    Graubard (1998). Where all are correct, or none, nothing says how they go together, and each
    person counts once.

    Args:
        correct: Whether each decision is correct, bool [N], at least one.
        people: Number of the person in each image, int [N]; None for as many people.

    Returns:
        Up to N.

    Example:
        >>> correct = np.arange(40) % 20 < 18
        >>> effective_size(correct), round(effective_size(correct, np.arange(40) // 2), 1)
        (40.0, 17.7)
    """
    count = len(correct)
    numbers = np.arange(count) if people is None else np.unique(people, return_inverse=True)[1]
    off = np.bincount(numbers, correct - np.mean(correct))
    if len(off) == count:
        return float(count)
    if len(off) == 1:
        return 1.0
    independent = float(np.var(correct) * count)
    together = float((off**2).sum() * len(off) / (len(off) - 1))
    effect = max(together / independent, 1.0) if independent else count / len(off)
    level = (1 + CONFIDENCE) / 2
    few = stats.t.ppf(level, count - 1) / stats.t.ppf(level, len(off) - 1)
    return float(count / effect * few**2)
