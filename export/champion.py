"""Which exported model is used unless told otherwise: the best one within the user's limits."""

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
        backbone: its name.
        precision: of the format that is served, to which the other figures belong.
        val_brier: on the validation split; the test split is not used to choose.
        val_accuracy: likewise, 0..1.
        latency_ms: median at batch 1.
        size_mb: of the file, 10^6 bytes.
    """

    backbone: str
    precision: Precision
    val_brier: float
    val_accuracy: float
    latency_ms: float
    size_mb: float

    def dominates(self, other: Candidate) -> bool:
        """Whether it is nowhere worse in accuracy, latency and size, and somewhere better."""
        mine = (-self.val_accuracy, self.latency_ms, self.size_mb)
        theirs = (-other.val_accuracy, other.latency_ms, other.size_mb)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True)
class Limits:
    """What a champion must keep to; None where it does not matter."""

    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    min_accuracy: float | None = None

    def excess(self, candidate: Candidate) -> dict[str, float]:
        """By what share of the limit a candidate misses each limit that it misses."""
        misses = {}
        if self.max_latency_ms and candidate.latency_ms > self.max_latency_ms:
            misses["latency"] = candidate.latency_ms / self.max_latency_ms - 1
        if self.max_size_mb and candidate.size_mb > self.max_size_mb:
            misses["size"] = candidate.size_mb / self.max_size_mb - 1
        if self.min_accuracy and candidate.val_accuracy < self.min_accuracy:
            misses["accuracy"] = self.min_accuracy - candidate.val_accuracy
        return misses


def rank(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Best first, by accuracy on the validation split, then by Brier score, then by latency."""
    return sorted(
        candidates,
        key=lambda candidate: (-candidate.val_accuracy, candidate.val_brier, candidate.latency_ms),
    )


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other one dominates, in the order given."""
    return [
        candidate
        for candidate in candidates
        if not any(other.dominates(candidate) for other in candidates)
    ]


def choose(candidates: Sequence[Candidate], limits: Limits) -> Candidate:
    """The best candidate within the limits.

    Raises:
        LimitsError: none is.
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
