"""The tail: from the activations at a cut to the logit, trained by Keras.

Adam with a linear warm-up and a cosine decay of the learning rate, label smoothing, and the weights
of the best epoch.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from tuning.training.batches import Batches, Examples
from tuning.training.early_stopping import Validation
from tuning.training.schedule import ADAM, LABEL_SMOOTHING, PREDICT_BATCH_SIZE, Phase


def compile_tail(
    tail: keras.Model, rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> None:
    """Give a tail its optimizer and loss."""
    tail.compile(
        optimizer=keras.optimizers.Adam(rate, **ADAM),
        loss=keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=LABEL_SMOOTHING),
        weighted_metrics=[],
        jit_compile=False,
    )


def fit_tail(
    tail: keras.Model,
    train: Examples,
    val: Examples,
    phase: Phase,
    rng: np.random.Generator,
    validation: Validation,
) -> None:
    """Train a tail in place and leave it at its best epoch.

    Args:
        tail: activation at the cut -> logit.
        train: activations to learn from.
        val: activations to score on; the first view is used.
        phase: how.
        rng: of order and views.
        validation: told of each epoch; says when to stop.
    """
    devices = tf.distribute.get_strategy().num_replicas_in_sync
    batches = Batches(train, phase.depth, phase.batch, rng, devices)
    compile_tail(tail, phase.schedule(len(batches)))
    callback = _Watch(val, phase.depth, validation)
    tail.fit(batches, epochs=phase.epochs, verbose=0, callbacks=[callback])
    tail.set_weights(callback.best)


def predict_tail(tail: keras.Model, examples: Examples, depth: int) -> np.ndarray:
    """Logits of the plain view, float32 [N]."""
    batches = Batches(examples, depth, PREDICT_BATCH_SIZE)
    parts = []
    for index in range(len(batches)):
        rows = batches[index][0]
        # On several devices Keras lets each answer the whole batch, and puts the answers together.
        parts.append(tail.predict_on_batch(rows)[: len(rows)])
    return np.concatenate(parts)[:, 0]


class _Watch(keras.callbacks.Callback):
    def __init__(self, val: Examples, depth: int, validation: Validation) -> None:
        super().__init__()
        self._val = val
        self._depth = depth
        self._validation = validation
        self.best: list[np.ndarray] = []

    def on_epoch_end(self, _: int, logs: dict[str, float] | None = None) -> None:
        logits = predict_tail(self.model, self._val, self._depth)
        self._validation.epoch(logits, (logs or {}).get("loss", 0.0))
        if self._validation.improved:
            self.best = self.model.get_weights()
        self.model.stop_training = self._validation.ended
