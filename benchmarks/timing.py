"""A trial's time, alike for both sides: from the end of the trial before to its own end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class TimedTrial:
    """A trial and its time.

    Attributes:
        values: Keras Tuner's hyperparameter values.
        accuracy: on validation images, 0..1, of the epoch that the trial's weights are kept of.
        epochs: trained at this depth; a head's warm-up below a tail comes on top.
        seconds: wall time, Keras Tuner's share and the checkpoint included.
        training: seconds of it in the training itself, building the model included.
        epoch_seconds: of each epoch; the first one makes the training graph.
    """

    values: dict[str, Any]
    accuracy: float
    epochs: int
    seconds: float
    training: float
    epoch_seconds: tuple[float, ...] = ()

    @property
    def graph_seconds(self) -> float:
        """What the first epoch takes longer than the others, 0 when it is alone."""
        return max(0.0, self.epoch_seconds[0] - self.later_epoch_seconds)

    @property
    def later_epoch_seconds(self) -> float:
        """Median of the epochs after the first."""
        return median(self.epoch_seconds[1:] or self.epoch_seconds)


def further(trials: Sequence[T]) -> Sequence[T]:
    """The trials after the first, or it, if it is alone.

    The first head of a process makes graphs that all heads use; every tail makes its own.
    """
    return trials[1:] or trials


class Laps:
    """Seconds between one call and the next."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Since the last call, or since it was made."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        return seconds


class Stopwatch:
    """Adds up the seconds spent in functions that somebody else calls."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def watch(self, owner: Any, name: str, part: str) -> Iterator[None]:
        """Count the calls of `owner`'s function `name` as `part` while the block runs."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.perf_counter() - started
                self._seconds[part] = self._seconds.get(part, 0.0) + spent

        setattr(owner, name, timed)
        try:
            yield
        finally:
            setattr(owner, name, function)

    def take(self) -> dict[str, float]:
        """Seconds by part since the last call."""
        taken, self._seconds = self._seconds, {}
        return taken
