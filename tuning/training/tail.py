"""The tail: from the activations at a cut to the logits, trained by Keras.

Adam with a linear warm-up and a cosine decay of the learning rate, label smoothing, and the weights
of the best epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from tuning.training.batches import Batches, Examples, TrainingData, predict_logits
from tuning.training.devices import SharedBatch
from tuning.training.early_stopping import Validation
from tuning.training.feed import feed
from tuning.training.loss import KerasLoss, LabelLoss
from tuning.training.schedule import ADAM, TrainingConfig


def compile_tail(
    tail: keras.Model,
    loss: LabelLoss,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
) -> None:
    """Give a tail its optimizer and loss.

    Args:
        tail: Model from activations to the logits of all labels.
        loss: Loss of each image.
        learning_rate: Constant, or a schedule over the steps.

    Example:
        >>> from data import GENDER
        >>> tail = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> compile_tail(tail, LabelLoss((GENDER,), ((1.0, 1.0),)), 1e-3)
        >>> round(float(tail.optimizer.learning_rate), 6)
        0.001
    """
    tail.compile(
        optimizer=keras.optimizers.Adam(learning_rate, **ADAM),
        loss=KerasLoss(loss),
        jit_compile=False,
    )


def fit_tail(
    tail: keras.Model,
    data: TrainingData,
    config: TrainingConfig,
    rng: np.random.Generator,
    validation: Validation,
) -> None:
    """Train a tail in place and leave it at its best epoch.

    In the scope of several devices these share larger batches, see `devices.SharedBatch`.

    Args:
        tail: Model from the activation at the cut to the logits.
        data: Activations to learn from and to score on.
        config: Depth, epochs, and batch size and learning rate of one device.
        rng: Source of the order and the views of the examples.
        validation: Scores each epoch and says when to stop.
    """
    shared = SharedBatch.here(config.batch_size, len(data.train))
    batches = Batches(data.train, config.depth, shared.batch_size, rng, shared.devices)
    config = replace(config, learning_rate=shared.rate_factor * config.learning_rate)
    compile_tail(tail, data.loss, config.schedule(len(batches)))
    callback = _Watch(data.val, config.depth, validation)
    tail.fit(feed(batches), epochs=config.epochs, shuffle=False, verbose=0, callbacks=[callback])
    tail.set_weights(callback.best)


def predictor(tail: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return a tail as a function of a batch of examples that gives their logits.

    Args:
        tail: Model to the logits.
    """
    # On several devices Keras lets each predict the whole batch, and joins the predictions.
    return lambda rows: tail.predict_on_batch(rows)[: len(rows)]


class _Watch(keras.callbacks.Callback):
    def __init__(self, val: Examples, depth: int, validation: Validation) -> None:
        super().__init__()
        self._val = val
        self._depth = depth
        self._validation = validation
        self.best: list[np.ndarray] = []

    def on_epoch_end(self, _: int, logs: dict[str, float] | None = None) -> None:
        logits = predict_logits(predictor(self.model), self._val, self._depth)
        self._validation.epoch(logits, (logs or {}).get("loss", 0.0))
        if self._validation.improved:
            self.best = self.model.get_weights()
        self.model.stop_training = self._validation.ended
