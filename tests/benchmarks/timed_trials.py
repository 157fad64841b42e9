"""Trials with times that tests choose."""

from benchmarks.compare import DepthComparison
from benchmarks.trial_time import TimedTrial


def trial(
    depth: int, seconds: float, accuracy: float, epochs: tuple[float, ...] = (1.0,)
) -> TimedTrial:
    return TimedTrial({"depth": depth}, accuracy, len(epochs), seconds, 0.9 * seconds, epochs)


def at(
    depth: int, theirs: list[tuple[float, float]], ours: list[tuple[float, float]]
) -> DepthComparison:
    """Both sides at a depth, each trial with its seconds and its accuracy."""
    sides = [[trial(depth, *item) for item in side] for side in (theirs, ours)]
    return DepthComparison.of(depth, *sides)
