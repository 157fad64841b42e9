"""Which exported model is the champion, used by default: the best one within the user's limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference.bundle import Precision


class LimitsError(RuntimeError):
    """No model is within the limits; the message names the nearest miss."""


@dataclass(frozen=True)
class Candidate:
    """An exported model, as the choice sees it.

    Attributes:
        backbone: Name of the backbone.
        precision: Precision that is served, to which the other figures belong.
        score: Brier score that is expected on other images, the mean over the labels: the search's
            score of the winner, changed by as much as the form that is served changes the Brier
            score on validation images. Test images are not used to choose.
        val_accuracy: Accuracy on validation images, the mean over the labels, 0..1.
        latency_ms: Median time for one image.
        size_mb: Size of the file, 10^6 bytes.

    Example:
        >>> small = Candidate("googlenet", "int8", 0.03, 0.96, latency_ms=4.0, size_mb=6.0)
        >>> worse = Candidate("vgg16", "int8", 0.04, 0.95, latency_ms=12.0, size_mb=15.0)
        >>> small.dominates(worse), worse.dominates(small)
        (True, False)
    """

    backbone: str
    precision: Precision
    score: float
    val_accuracy: float
    latency_ms: float
    size_mb: float

    @property
    def rank_key(self) -> tuple[float, float, float]:
        """Key to sort by, the best first: by score, then accuracy, then latency."""
        return self.score, -self.val_accuracy, self.latency_ms

    def dominates(self, other: Candidate) -> bool:
        """Compare with another candidate.

        Args:
            other: Candidate to compare with, of the same export.

        Returns:
            Whether it is nowhere worse in score, latency and size, and somewhere better.
        """
        mine = (self.score, self.latency_ms, self.size_mb)
        theirs = (other.score, other.latency_ms, other.size_mb)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True)
class Limits:
    """What a champion must keep to; None where it does not matter.

    Attributes:
        max_latency_ms: Longest time for one image.
        max_size_mb: Largest size of the file, 10^6 bytes.
        min_accuracy: Lowest accuracy on validation images, 0..1.

    Example:
        >>> slow = Candidate("vgg16", "fp32", 0.02, 0.97, latency_ms=30.0, size_mb=60.0)
        >>> Limits(max_latency_ms=20, max_size_mb=80).excess(slow)
        {'latency': 0.5}
    """

    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    min_accuracy: float | None = None

    def excess(self, candidate: Candidate) -> dict[str, float]:
        """Measure by how much a candidate misses each limit that it misses.

        Args:
            candidate: Candidate to look at.

        Returns:
            Share of the limit for "latency" and "size", difference for "accuracy"; empty if the
            candidate is within the limits.
        """
        misses = {}
        if self.max_latency_ms and candidate.latency_ms > self.max_latency_ms:
            misses["latency"] = candidate.latency_ms / self.max_latency_ms - 1
        if self.max_size_mb and candidate.size_mb > self.max_size_mb:
            misses["size"] = candidate.size_mb / self.max_size_mb - 1
        if self.min_accuracy and candidate.val_accuracy < self.min_accuracy:
            misses["accuracy"] = self.min_accuracy - candidate.val_accuracy
        return misses


def rank(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Sort candidates, the best first.

    Args:
        candidates: Candidates in any order.

    Returns:
        The candidates by score, then accuracy, then latency.

    Example:
        >>> vgg16 = Candidate("vgg16", "int8", 0.02, 0.97, latency_ms=12.0, size_mb=15.0)
        >>> resnet50 = Candidate("resnet50", "int8", 0.01, 0.98, latency_ms=9.0, size_mb=24.0)
        >>> [candidate.backbone for candidate in rank([vgg16, resnet50])]
        ['resnet50', 'vgg16']
    """
    return sorted(candidates, key=lambda candidate: candidate.rank_key)


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Leave out the candidates that another one dominates.

    Args:
        candidates: Candidates in any order.

    Returns:
        The others, in the order given.

    Example:
        >>> small = Candidate("googlenet", "int8", 0.03, 0.96, latency_ms=4.0, size_mb=6.0)
        >>> large = Candidate("resnet101", "int8", 0.01, 0.98, latency_ms=20.0, size_mb=43.0)
        >>> worse = Candidate("vgg16", "int8", 0.04, 0.95, latency_ms=12.0, size_mb=15.0)
        >>> [candidate.backbone for candidate in pareto_front([small, large, worse])]
        ['googlenet', 'resnet101']
    """
    return [
        candidate
        for candidate in candidates
        if not any(other.dominates(candidate) for other in candidates)
    ]


def choose(candidates: Sequence[Candidate], limits: Limits) -> Candidate:
    """Choose the best candidate within the limits.

    Args:
        candidates: Candidates in any order, at least one.
        limits: Limits to keep to.

    Raises:
        LimitsError: No candidate is within the limits.

    Example:
        >>> vgg16 = Candidate("vgg16", "int8", 0.02, 0.97, latency_ms=12.0, size_mb=15.0)
        >>> resnet50 = Candidate("resnet50", "int8", 0.01, 0.98, latency_ms=19.0, size_mb=24.0)
        >>> choose([vgg16, resnet50], Limits(max_latency_ms=15)).backbone
        'vgg16'
        >>> choose([vgg16, resnet50], Limits(max_latency_ms=10))
        Traceback (most recent call last):
            ...
        export.champion.LimitsError: no model is within the limits; nearest is vgg16 with 12.0 ms,
        15.0 MB and 97.00 % on validation images, which misses latency
    """
    ranked = rank(candidates)
    for candidate in ranked:
        if not limits.excess(candidate):
            return candidate
    nearest = min(ranked, key=lambda candidate: sum(limits.excess(candidate).values()))
    missed = " and ".join(limits.excess(nearest))
    raise LimitsError(
        f"no model is within the limits; nearest is {nearest.backbone} with "
        f"{nearest.latency_ms:.1f} ms, {nearest.size_mb:.1f} MB and "
        f"{100 * nearest.val_accuracy:.2f} % on validation images, which misses {missed}"
    )
