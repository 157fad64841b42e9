"""From which probability on a decision is given, and what is promised of these decisions."""

from __future__ import annotations

import numpy as np

from data.labels import decisions
from tuning.metrics.intervals import effective_size, lower_bound
from tuning.metrics.known import known
from tuning.runs.schema import OperatingPoint

TARGETS = (0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)
"""Accuracies of the decisions given, of which the highest is wanted that half of them reach."""
_LEAST_DECIDED = 0.5
_STEPS = 51
_BELOW_ONE = float(np.nextafter(1.0, 0.0))  # what must reach 1 is never decided


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
    codes: np.ndarray,
    p: np.ndarray,
    people: np.ndarray | None = None,
    target: float | None = None,
) -> OperatingPoint:
    """Choose the probability from which on a decision is given.

    From the surest half of the images on, ever more are decided, as long as the lower end of the
    95 % interval of the decisions' accuracy reaches the target (Clopper and Pearson, 1934, of as
    many images as the decisions are worth by person; Korn and Graubard, 1998). Tests in a fixed
    order that end at the first failure keep their level together (Angelopoulos et al., "Learn then
    Test", 2021).

    Args:
        codes: Codes of the validation split, int [N].
        p: Class probabilities, float [N, C], of a calibration that these images did not choose, see
            `cross_fitted`.
        people: Number of the person in each image, int [N]; None for as many people.
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
    codes, p, people = known(codes, p, people)
    correct, sure = decisions(p) == codes, confidence(p)
    worth = effective_size(correct, people) / len(codes)
    targets = TARGETS if target is None else (target,)
    for wanted in targets:
        point = _point(correct, sure, worth, wanted, p.shape[1])
        if point:
            return point
    return OperatingPoint(
        least=(1.0,) * p.shape[1], target_accuracy=targets[-1], accuracy=0.0, share_uncertain=1.0
    )


def promise(target: float, share_uncertain: float, images: int, wanted: float = TARGETS[0]) -> str:
    """Say in one line what is promised of the decisions given, and what could not be.

    Args:
        target: Accuracy of the decisions given that the operating point holds, 0..1.
        share_uncertain: Share of the images without a decision; 1 where no point holds the target.
        images: Number of validation images that it was chosen on.
        wanted: Accuracy that was asked for, 0..1.

    Example:
        >>> print(promise(0.98, 0.12, 750))
        at least 98 % of the decisions given are correct, 12.0 % of the images are "uncertain"
        >>> print(promise(0.95, 0.12, 750))
        750 validation images do not show that 98 % of the decisions given are correct; at least
        95 % are, 12.0 % of the images are "uncertain"
    """
    if share_uncertain == 1:
        return (
            f"{images:,} validation images do not show that {100 * target:g} % of even the surest "
            'half of the decisions are correct: every image is "uncertain"'
        )
    uncertain = f'{100 * share_uncertain:.1f} % of the images are "uncertain"'
    if target >= wanted:
        return f"at least {100 * target:g} % of the decisions given are correct, {uncertain}"
    return (
        f"{images:,} validation images do not show that {100 * wanted:g} % of the decisions given "
        f"are correct; at least {100 * target:g} % are, {uncertain}"
    )


def _point(
    correct: np.ndarray, sure: np.ndarray, worth: float, target: float, classes: int
) -> OperatingPoint | None:
    """The last point whose bound reaches the target, each image worth so many independent ones."""
    chosen = None
    for share in np.linspace(_LEAST_DECIDED, 1.0, _STEPS):
        least = float(np.quantile(sure, 1 - share, method="inverted_cdf")) if share < 1 else 0.0
        least = min(least, _BELOW_ONE)
        given = sure >= least
        accuracy = float(correct[given].mean())
        bound = lower_bound(accuracy, worth * given.sum())
        if bound < target:
            break
        chosen = OperatingPoint(
            least=(least,) * classes,
            target_accuracy=target,
            accuracy=accuracy,
            accuracy_bound=bound,
            share_uncertain=float((~given).mean()),
        )
    return chosen
