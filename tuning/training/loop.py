"""The loop of a training: from a checkpoint over some images to the next one.

Adam at a learning rate that is constant after a short warm-up, and a moving average of the weights:
nothing in it depends on how long it will go on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from data.progress import ProgressCallback
from tuning.runs.schema import Leg
from tuning.training.batches import Batch, Batches, TrainingData
from tuning.training.checkpoint import PARTS, Checkpoint
from tuning.training.devices import SharedBatch, dealt
from tuning.training.feed import read_ahead
from tuning.training.tail_graphs import StepInputs, TailGraphs
from tuning.training.tail_weights import TailWeights, value_of
from tuning.training.validation import DivergedError

WARM_UP_IMAGES = 1000  # in which the learning rate rises to its height
AVERAGED_EPOCHS = 0.5  # over which the weights are averaged, about
AVERAGED_EVERY = 4  # steps: an average costs a third of Adam's passes over memory


@dataclass(frozen=True)
class LoopConfig:
    """How the steps of a training go.

    Attributes:
        learning_rate: Learning rate behind the warm-up, for one device's batch.
        batch_size: Number of examples in a step of one device.
        dropout: Dropout rate before each dense layer, 0..1.
        seed: Seed of order, views and dropout.

    Example:
        >>> LoopConfig(learning_rate=1e-4, batch_size=32, dropout=0.3, seed=0).batch_size
        32
    """

    learning_rate: float
    batch_size: int
    dropout: float
    seed: int


class Loop:
    """A training while it runs.

    Args:
        graphs: Graphs of the tail, whose weights are set to the state's.
        data: Examples to learn from.
        config: How its steps go.
        state: Where it begins, see `beginning`.

    Attributes:
        images: Number of images that the training has seen.
        steps: Number of its steps.
    """

    def __init__(
        self, graphs: TailGraphs, data: TrainingData, config: LoopConfig, state: Checkpoint
    ) -> None:
        self.images, self.steps = state.images, state.steps
        self._graphs, self._config, self._leg = graphs, config, len(state.history) + 1
        self._step = graphs.step(data.loss)
        shared = SharedBatch.here(config.batch_size, len(data.train))
        self._learning_rate = shared.rate_factor * config.learning_rate
        self._batches = Batches(data.train, shared.batch_size, config.seed)
        averaged = AVERAGED_EPOCHS * len(data.train) / shared.batch_size / AVERAGED_EVERY
        self._least_share = min(1.0, 1 / averaged)
        self._put_in(state)

    def run(
        self, images: int, until: float = math.inf, progress: ProgressCallback | None = None
    ) -> float:
        """Train on some images.

        Args:
            images: Number of images; the last batch is a whole one.
            until: Time of `time.perf_counter` at which it ends early.
            progress: Called with the number of these images that were seen, and of all of them.

        Returns:
            Mean loss of the steps, nats.

        Raises:
            DivergedError: The loss became infinite or not a number.
        """
        first = self.images
        losses: list[tf.Tensor] = []
        starts = range(first, first + images, self._batches.size)
        for batch in read_ahead(self._batches.at, starts):
            losses.append(self._on(batch))
            if self.steps % AVERAGED_EVERY == 0:
                self._average(losses[-1])
            if progress:
                progress(min(self.images - first, images), images)
            if time.perf_counter() >= until:
                break
        return float(np.mean(losses))

    def _on(self, batch: Batch) -> tf.Tensor:
        seed = np.random.default_rng((self._config.seed, self.images)).integers(2**31, size=2)
        self.images += len(batch.codes)
        self.steps += 1
        warmed = min(1.0, self.images / WARM_UP_IMAGES)
        inputs = StepInputs(
            learning_rate=tf.constant(warmed * self._learning_rate, tf.float32),
            dropout=tf.constant(self._config.dropout, tf.float32),
            step=tf.constant(self.steps, tf.float32),
            seed=tf.constant(seed, tf.int32),
        )
        return self._step(dealt(batch.rows), dealt(batch.codes), inputs)

    def _average(self, loss: tf.Tensor) -> None:
        """Average the weights, evenly at first, so that the start has no part in it."""
        if not np.isfinite(loss):
            raise DivergedError(f"the loss diverged in leg {self._leg}")
        share = max(self._least_share, AVERAGED_EVERY / self.steps)
        self._graphs.average(tf.constant(share, tf.float32))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Leave the averages in the tail while the block lasts."""
        trained = self._graphs.trained.values()
        weights = [value_of(variable.weight) for variable in trained]
        for variable in trained:
            variable.weight.assign(variable.average)
        try:
            yield
        finally:
            for variable, value in zip(trained, weights, strict=True):
                variable.weight.assign(value)

    def averages(self) -> TailWeights:
        """Return the averaged weights."""
        return {name: value_of(v.average) for name, v in self._graphs.trained.items()}

    def checkpoint(self, history: tuple[Leg, ...]) -> Checkpoint:
        """Return the state of the training.

        Args:
            history: Figures of its legs so far.
        """
        parts: dict[str, TailWeights] = {
            part: {name: value_of(v[number]) for name, v in self._graphs.trained.items()}
            for number, part in enumerate(PARTS)
        }
        return Checkpoint(self.images, self.steps, history, **parts)

    def _put_in(self, state: Checkpoint) -> None:
        for name, variables in self._graphs.trained.items():
            for variable, part in zip(variables, PARTS, strict=True):
                variable.assign(getattr(state, part)[name])


def beginning(graphs: TailGraphs) -> Checkpoint:
    """Return the state of a training before its first step, from the tail's weights.

    Args:
        graphs: Graphs of the tail.
    """
    weights = {name: value_of(variable.weight) for name, variable in graphs.trained.items()}
    zeros = {name: np.zeros_like(value) for name, value in weights.items()}
    return Checkpoint(0, 0, (), weights, weights, zeros, zeros)
