"""A trial's time, alike for both sides: from the end of the trial before to its own end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

_Trial = TypeVar("_Trial")


@dataclass(frozen=True)
class TimedTrial:
    """A trial and its time.

    Attributes:
        values: Keras Tuner's hyperparameter values.
        accuracy: Accuracy on validation images, 0..1, in the epoch whose weights are kept.
        epochs: Number of epochs at this depth; a head's warm-up below a tail comes on top.
        seconds: Wall time, Keras Tuner's share and the checkpoint included.
        training: Seconds of it in the training itself, building the model included.
        epoch_seconds: Seconds of each epoch; the first one makes the training graph.

    Example:
        >>> trial = TimedTrial({"depth": 1}, 0.9, 3, 9.0, 8.0, epoch_seconds=(4.0, 1.0, 1.5))
        >>> trial.graph_seconds, trial.later_epoch_seconds
        (2.75, 1.25)
    """

    values: dict[str, Any]
    accuracy: float
    epochs: int
    seconds: float
    training: float
    epoch_seconds: tuple[float, ...] = ()

    @property
    def graph_seconds(self) -> float:
        """Seconds that the first epoch takes longer than the others, 0 when it is alone."""
        return max(0.0, self.epoch_seconds[0] - self.later_epoch_seconds)

    @property
    def later_epoch_seconds(self) -> float:
        """Median of the epochs after the first."""
        return median(self.epoch_seconds[1:] or self.epoch_seconds)


def further(trials: Sequence[_Trial]) -> Sequence[_Trial]:
    """Leave out the first trial, unless it is alone.

    The first head of a process makes graphs that all heads use; every tail makes its own.

    Args:
        trials: Trials of one process in order, at least one.

    Example:
        >>> further(["first", "second"]), further(["alone"])
        (['second'], ['alone'])
    """
    return trials[1:] or trials


class Laps:
    """Seconds between one call and the next.

    Example:
        >>> laps = Laps()
        >>> laps.lap() > 0
        True
    """

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last call, or since this was made."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        return seconds
