"""Objects that the product's search takes and that note the time spent in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.backbones.weights import Weights
from tuning.bars import Bars
from tuning.search.context import StepContext
from tuning.search.steps import Steps
from tuning.trunk.cache import TrunkCache


class Stopwatch:
    """Adds up seconds by part.

    Example:
        >>> stopwatch = Stopwatch()
        >>> with stopwatch.part("trunk"):
        ...     pass
        >>> stopwatch.add("warm-up", 2.0)
        >>> stopwatch.add("warm-up", 1.5)
        >>> stopwatch.take()["warm-up"]
        3.5
        >>> stopwatch.take()
        {}
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block as a part, also if it fails.

        Args:
            name: Name of the part.
        """
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds as a part.

        Args:
            name: Name of the part.
            seconds: Number of seconds to add to those of the part.
        """
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def take(self) -> dict[str, float]:
        """Return the seconds by part since the last call."""
        taken, self._seconds = self._seconds, {}
        return taken


class TimedCache(TrunkCache):
    """A trunk cache that counts what it takes as "trunk".

    Args:
        folder: Folder of the entries.
        budget: Largest number of bytes on disk.
        stopwatch: Stopwatch to count with.
    """

    def __init__(self, folder: Path, budget: int, stopwatch: Stopwatch) -> None:
        super().__init__(folder, budget)
        self._stopwatch = stopwatch

    def activations(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the cache does, and count the time."""
        with self._stopwatch.part("trunk"):
            return super().activations(*args, **kwargs)


class TimedModel(TransferModel):
    """A model that counts a head's training before the tail is made of it as "warm-up".

    Args:
        backbone: Entry of the registry.
        size: Side of the square input, pixels.
        weights: Pretrained weights of the backbone.
        precision: Keras's name of the arithmetic.
        stopwatch: Stopwatch to count with.
    """

    def __init__(
        self,
        backbone: Backbone,
        size: int,
        weights: Weights,
        precision: str,
        stopwatch: Stopwatch,
    ) -> None:
        super().__init__(backbone, size, weights, precision)
        self._stopwatch = stopwatch
        self._head_made = 0.0

    def head(self, config: HeadConfig) -> keras.Model:
        """Return a head, whose warm-up begins now."""
        head = super().head(config)
        self._head_made = time.perf_counter()
        return head

    def tail(self, depth: int, head: keras.Model) -> keras.Model:
        """Return a tail; the warm-up of its head is over."""
        self._stopwatch.add("warm-up", time.perf_counter() - self._head_made)
        return super().tail(depth, head)


class TimedSteps(Steps):
    """Steps on a timed model that count the saving of a tail's weights as "checkpoint".

    Args:
        context: Data and settings.
        model: Model to train.
        bars: Where passes and trainings show how far they are.
        stopwatch: Stopwatch to count with.
    """

    def __init__(
        self, context: StepContext, model: TimedModel, bars: Bars, stopwatch: Stopwatch
    ) -> None:
        super().__init__(context, model.backbone, model.weights, bars)
        self.model = model
        self._stopwatch = stopwatch

    def tail_weights(self, tail: keras.Model, path: Path) -> bytes:
        """Do what the steps do, and count the time."""
        with self._stopwatch.part("checkpoint"):
            return super().tail_weights(tail, path)
