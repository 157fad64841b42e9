"""A training of a backbone's last stages that goes on in legs, from a closed-form head on.

The head is solved first, so that fine-tuning bends the features as little as it must (Kumar et al.,
2022, "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution"). The
learning rate is constant after a short warm-up, and what is scored and kept is a moving average of
the weights, so that nothing has to know when the training will end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from data.progress import ProgressCallback
from tuning.backbones.transfer_model import TransferModel
from tuning.runs.schema import Hyperparameters, Leg
from tuning.training import tail_weights
from tuning.training.batches import Batch, Batches, TrainingData
from tuning.training.checkpoint import Checkpoint
from tuning.training.devices import SharedBatch, dealt
from tuning.training.feed import read_ahead
from tuning.training.predictions import predict_logits
from tuning.training.tail_graphs import Form, StepInputs, TailGraphs, tail_graphs
from tuning.training.tail_weights import TailWeights, value_of
from tuning.training.validation import DivergedError, improved, scored

BATCH_SIZE = 32
WARM_UP_IMAGES = 1000  # in which the learning rate rises to its height
AVERAGED_EPOCHS = 0.5  # over which the weights are averaged, about
AVERAGED_EVERY = 4  # steps: an average costs a third of Adam's passes over memory


@dataclass(frozen=True, eq=False)
class LegConfig:
    """A part of a training.

    Attributes:
        images: Number of training images to see; the last batch is a whole one.
        seconds: Time after which it ends early; one batch is trained on at any rate.
        seed: Seed of order, views and dropout, the same for all legs of a training.
        start: Weights of the tail with which the training began, or those of a shallower one: a
            head's at least. What they lack is pretrained.
        checkpoint: State behind the leg before, None for the first one.
    """

    images: int
    seconds: float
    seed: int
    start: TailWeights
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, eq=False)
class LegOutcome:
    """What came of a leg.

    Attributes:
        checkpoint: All that is needed to go on.
        tail: Averaged weights of the whole tail, None where an earlier leg was better.
        leg: Figures of the leg.
    """

    checkpoint: Checkpoint
    tail: TailWeights | None
    leg: Leg


def fit_leg(
    model: TransferModel,
    hyperparameters: Hyperparameters,
    data: TrainingData,
    leg: LegConfig,
    progress: ProgressCallback | None = None,
) -> LegOutcome:
    """Train a tail for a leg, and score the averaged weights behind it.

    In the scope of several devices these share larger batches, see `devices.SharedBatch`.

    Args:
        model: Backbone with pretrained weights, made in the same scope; its layers are trained in
            place, and `restore` brings them back.
        hyperparameters: Hyperparameters of the training, at a depth of 1 or more.
        data: Examples at the cut, or images, to learn from and to score on; there may be more of
            them than in the leg before.
        leg: Where to go on, and for how long.
        progress: Called with the number of images that were seen in this leg, and of all of it.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    started = time.perf_counter()
    form = Form.of(hyperparameters, data.loss.width, data.train.are_pixels)
    graphs = tail_graphs(model, form)
    model.restore()
    state = _put_in(graphs, leg)
    training = _Training(graphs, hyperparameters, data, leg, state)
    loss = training.run(started + leg.seconds, progress or (lambda done, total: None))
    state = _taken_out(graphs, training, state)
    logits = predict_logits(graphs.logits, data.val)
    figures = scored(
        data.loss.labels, data.val.codes, logits, leg=training.number, images=state.images,
        seconds=time.perf_counter() - started, loss=loss,
    )  # fmt: skip
    state = replace(state, history=(*state.history, figures))
    tail = tail_weights.of(graphs.tail) if improved(state.history) else None
    return LegOutcome(state, tail, figures)


class _Training:
    """A leg while it runs.

    Attributes:
        number: Number of the leg, from 1.
        images: Number of images that the training has seen.
        steps: Number of its steps.
    """

    def __init__(
        self,
        graphs: TailGraphs,
        hyperparameters: Hyperparameters,
        data: TrainingData,
        leg: LegConfig,
        state: Checkpoint,
    ) -> None:
        self.number = len(state.history) + 1
        self.images, self.steps = state.images, state.steps
        self._graphs = graphs
        self._step = graphs.step(data.loss)
        self._dropout = hyperparameters.dropout
        self._leg = leg
        shared = SharedBatch.here(BATCH_SIZE, len(data.train))
        self._learning_rate = shared.rate_factor * hyperparameters.learning_rate
        self._batches = Batches(data.train, shared.batch_size, leg.seed)
        averaged = AVERAGED_EPOCHS * len(data.train) / shared.batch_size / AVERAGED_EVERY
        self._least_share = min(1.0, 1 / averaged)

    def run(self, until: float, progress: ProgressCallback) -> float:
        """Train to the end of the leg, or to a time; returns the mean loss."""
        first, size = self.images, self._batches.size
        losses: list[tf.Tensor] = []
        for batch in read_ahead(self._batches.at, range(first, first + self._leg.images, size)):
            losses.append(self._on(batch))
            if self.steps % AVERAGED_EVERY == 0:
                self._average(losses[-1])
            progress(min(self.images - first, self._leg.images), self._leg.images)
            if time.perf_counter() >= until:
                break
        return float(np.mean(losses))

    def _on(self, batch: Batch) -> tf.Tensor:
        seed = np.random.default_rng((self._leg.seed, self.images)).integers(2**31, size=2)
        self.images += len(batch.codes)
        self.steps += 1
        warmed = min(1.0, self.images / WARM_UP_IMAGES)
        inputs = StepInputs(
            learning_rate=tf.constant(warmed * self._learning_rate, tf.float32),
            dropout=tf.constant(self._dropout, tf.float32),
            step=tf.constant(self.steps, tf.float32),
            seed=tf.constant(seed, tf.int32),
        )
        return self._step(dealt(batch.rows), dealt(batch.codes), inputs)

    def _average(self, loss: tf.Tensor) -> None:
        """Average the weights, evenly at first, so that the start has no part in it."""
        if not np.isfinite(loss):
            raise DivergedError(f"the loss diverged in leg {self.number}")
        share = max(self._least_share, AVERAGED_EVERY / self.steps)
        self._graphs.average(tf.constant(share, tf.float32))


def _put_in(graphs: TailGraphs, leg: LegConfig) -> Checkpoint:
    """Set the weights and what Adam knows of them as they were behind the leg before."""
    tail_weights.put(graphs.tail, leg.start)
    state = leg.checkpoint or _beginning(graphs)
    for name, variable in graphs.trained.items():
        variable.weight.assign(state.weights[name])
        variable.average.assign(state.average[name])
        variable.first.assign(state.first[name])
        variable.second.assign(state.second[name])
    return state


def _beginning(graphs: TailGraphs) -> Checkpoint:
    weights = {name: value_of(variable.weight) for name, variable in graphs.trained.items()}
    zeros = {name: np.zeros_like(value) for name, value in weights.items()}
    return Checkpoint(0, 0, (), weights, weights, zeros, zeros)


def _taken_out(graphs: TailGraphs, training: _Training, before: Checkpoint) -> Checkpoint:
    """Return the state of a training, and leave the averages as the tail's weights."""
    parts: dict[str, TailWeights] = {"weights": {}, "average": {}, "first": {}, "second": {}}
    for name, variable in graphs.trained.items():
        parts["weights"][name] = value_of(variable.weight)
        parts["average"][name] = value_of(variable.average)
        parts["first"][name] = value_of(variable.first)
        parts["second"][name] = value_of(variable.second)
        variable.weight.assign(variable.average)
    return Checkpoint(training.images, training.steps, before.history, **parts)
