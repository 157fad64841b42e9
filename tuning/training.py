"""Two loops with one schedule: a head on pooled features, and a tail on activations.

Both use Adam with a linear warm-up and a cosine decay of the rate, label smoothing, and the
weights of the best epoch. Keras trains the tails. Heads have a loop of their own: they train in
fractions of a second, where Keras takes longer to build a training graph for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tuning.examples import Batches, Examples
from tuning.validation import Validation

WARM_UP_SHARE = 0.1
LABEL_SMOOTHING = 0.05
_PREDICT_BATCH = 128
_ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

Tensors = list[tf.Tensor]


@dataclass(frozen=True)
class Phase:
    """One training.

    Attributes:
        depth: fine-tuning depth of the activations.
        batch: examples a step.
        rate: peak learning rate.
        epochs: most.
    """

    depth: int
    batch: int
    rate: float
    epochs: int

    def rates(self, batches: int) -> np.ndarray:
        """The rate of each step, float32 [epochs * batches], as `schedule` gives it."""
        steps, warm_up = self._steps(batches)
        step = np.arange(steps)
        decay = (1 + np.cos(np.pi * np.clip((step - warm_up) / (steps - warm_up), 0, 1))) / 2
        rates = self.rate * np.where(step < warm_up, step / warm_up, decay)
        return rates.astype(np.float32)

    def schedule(self, batches: int) -> keras.optimizers.schedules.LearningRateSchedule:
        """Linear warm-up to the peak rate, then cosine decay to zero, for Keras."""
        steps, warm_up = self._steps(batches)
        return keras.optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=self.rate, warmup_steps=warm_up
        )

    def _steps(self, batches: int) -> tuple[int, int]:
        steps = max(2, self.epochs * batches)
        return steps, max(1, int(WARM_UP_SHARE * steps))


def compile_tail(
    tail: keras.Model, rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> None:
    """Give a tail its optimizer and loss."""
    tail.compile(
        optimizer=keras.optimizers.Adam(rate, **_ADAM),
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
    batches = Batches(examples, depth, _PREDICT_BATCH)
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


def fit_head(
    head: keras.Model,
    dropout: float,
    statistics: tuple[np.ndarray, np.ndarray],
    train: Examples,
    val: Examples,
    phase: Phase,
    rng: np.random.Generator,
    validation: Validation,
) -> None:
    """Train a head in place on pooled features and leave it at its best epoch.

    The graph of a step is the same for all heads, so it is made once a process.

    Args:
        head: from `TransferModel.head`.
        dropout: its rate.
        statistics: mean and variance of the pooled features, float32 [C] each.
        train: pooled features to learn from.
        val: pooled features to score on.
        phase: how, at depth 0.
        rng: of order, views and dropout.
        validation: told of each epoch; says when to stop.
    """
    batches = Batches(train, 0, phase.batch, rng)
    rates = phase.rates(len(batches))
    mean, deviation = statistics[0], np.sqrt(statistics[1])
    held_out = Batches(val, 0, _PREDICT_BATCH)
    weights = [tf.constant(weight) for weight in head.trainable_weights]
    first, second = ([tf.zeros_like(weight) for weight in weights] for _ in range(2))
    best, step = weights, 0
    for _ in range(phase.epochs):
        losses = []
        for index in range(len(batches)):
            features, labels, importance = batches[index]
            rate = tf.constant(rates[step])
            step += 1
            seed = tf.constant(rng.integers(2**31, size=2), dtype=tf.int32)
            loss, weights, first, second = _step(
                weights, first, second, tf.constant(step, tf.float32), rate,
                (features - mean) / deviation, labels, importance, tf.constant(dropout), seed,
            )  # fmt: skip
            losses.append(loss)
        batches.on_epoch_end()
        parts = [
            _logits(weights, (held_out[index][0] - mean) / deviation)
            for index in range(len(held_out))
        ]
        validation.epoch(np.concatenate(parts)[:, 0], float(np.mean(losses)))
        if validation.improved:
            best = weights
        if validation.ended:
            break
    for variable, value in zip(head.trainable_weights, best, strict=True):
        variable.assign(value)


def _logits(weights: Tensors, features: tf.Tensor) -> tf.Tensor:
    *hidden, kernel, bias = weights
    if hidden:
        features = tf.nn.relu(features @ hidden[0] + hidden[1])
    return features @ kernel + bias


@tf.function(reduce_retracing=True)
def _step(
    weights: Tensors,
    first: Tensors,
    second: Tensors,
    step: tf.Tensor,
    rate: tf.Tensor,
    features: tf.Tensor,
    labels: tf.Tensor,
    importance: tf.Tensor,
    dropout: tf.Tensor,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, Tensors, Tensors, Tensors]:
    """One step of Adam (Kingma and Ba, 2015) on a head's weights, moments first and second."""
    with tf.GradientTape() as tape:
        tape.watch(weights)
        *hidden, kernel, bias = weights
        x = tf.nn.experimental.stateless_dropout(features, dropout, seed)
        if hidden:
            x = tf.nn.relu(x @ hidden[0] + hidden[1])
            x = tf.nn.experimental.stateless_dropout(x, dropout, seed + 1)
        smooth = labels * (1 - LABEL_SMOOTHING) + LABEL_SMOOTHING / 2
        losses = tf.nn.sigmoid_cross_entropy_with_logits(smooth, x @ kernel + bias)[:, 0]
        loss = tf.reduce_mean(losses * importance)
    gradients = tape.gradient(loss, weights)
    beta_1, beta_2 = _ADAM["beta_1"], _ADAM["beta_2"]
    first = [beta_1 * m + (1 - beta_1) * g for m, g in zip(first, gradients, strict=True)]
    second = [beta_2 * v + (1 - beta_2) * g * g for v, g in zip(second, gradients, strict=True)]
    rate *= tf.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    weights = [
        w - rate * m / (tf.sqrt(v) + _ADAM["epsilon"])
        for w, m, v in zip(weights, first, second, strict=True)
    ]
    return loss, weights, first, second
