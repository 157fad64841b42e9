"""The head: from pooled features to the logits, trained like a tail but by a loop of its own.

Heads train in fractions of a second, where Keras takes longer to build a training graph for each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tuning.training.batches import Batches, TrainingData, predict_logits
from tuning.training.early_stopping import Validation
from tuning.training.loss import LabelLoss
from tuning.training.schedule import ADAM, TrainingConfig

Tensors = list[tf.Tensor]


class _AdamState(NamedTuple):
    """Weights under Adam (Kingma and Ba, 2015).

    Attributes:
        weights: Kernels and biases of the head, in order.
        first: First moment of each weight's gradient.
        second: Second moment of each.
        step: Number of steps so far, float32.
    """

    weights: Tensors
    first: Tensors
    second: Tensors
    step: tf.Tensor

    @classmethod
    def of(cls, head: keras.Model) -> _AdamState:
        weights = [tf.constant(weight) for weight in head.trainable_weights]
        first, second = ([tf.zeros_like(weight) for weight in weights] for _ in range(2))
        return cls(weights, first, second, tf.constant(0.0))


class _Batch(NamedTuple):
    """Standardized features, float32 [n, C], and codes of the labels, int [n, L]."""

    features: np.ndarray
    codes: np.ndarray


def fit_head(
    head: keras.Model,
    dropout: float,
    data: TrainingData,
    config: TrainingConfig,
    rng: np.random.Generator,
    validation: Validation,
) -> None:
    """Train a head in place on pooled features and leave it at its best epoch.

    The graph of a step is the same for all heads that learn the same labels, so it is made once.

    Args:
        head: Model of pooled features with the logits, as `TransferModel.head` makes it.
        dropout: Dropout rate of the head, 0..1.
        data: Pooled features to learn from and to score on, and their statistics.
        config: Batch size, epochs and learning rate of the training, at depth 0.
        rng: Source of order, views and dropout.
        validation: Scores each epoch and says when to stop.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    batches = Batches(data.train, 0, config.batch_size, rng)
    rates = iter(config.learning_rates(len(batches)))
    standardize = data.statistics.standardize
    state, step = _AdamState.of(head), _step_for(data.loss)
    best = state.weights
    for _ in range(config.epochs):
        losses = []
        for index in range(len(batches)):
            features, codes = batches[index]
            batch = _Batch(standardize(features), codes)
            seed = tf.constant(rng.integers(2**31, size=2), dtype=tf.int32)
            learning_rate = tf.constant(next(rates))
            loss, state = step(state, batch, learning_rate, tf.constant(dropout), seed)
            losses.append(loss)
        batches.on_epoch_end()
        predict = partial(_logits, state.weights, standardize)
        validation.epoch(predict_logits(predict, data.val, 0), float(np.mean(losses)))
        if validation.improved:
            best = state.weights
        if validation.ended:
            break
    for variable, value in zip(head.trainable_weights, best, strict=True):
        variable.assign(value)


def _logits(
    weights: Tensors, standardize: Callable[[np.ndarray], np.ndarray], features: np.ndarray
) -> np.ndarray:
    *hidden, kernel, bias = weights
    x = standardize(features)
    if hidden:
        x = tf.nn.relu(x @ hidden[0] + hidden[1])
    return (x @ kernel + bias).numpy()


_Step = Callable[[_AdamState, _Batch, tf.Tensor, tf.Tensor, tf.Tensor], Any]


@cache
def _step_for(loss: LabelLoss) -> _Step:
    """Make the graph of a step, once for all heads that learn the same labels."""
    return tf.function(partial(_take_step, loss), reduce_retracing=True)


def _take_step(
    loss_of: LabelLoss,
    state: _AdamState,
    batch: _Batch,
    learning_rate: tf.Tensor,
    dropout: tf.Tensor,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, _AdamState]:
    """Take one step of Adam; returns the mean loss before it as well."""
    weights, first, second, step = state
    step += 1
    with tf.GradientTape() as tape:
        tape.watch(weights)
        *hidden, kernel, bias = weights
        x = tf.nn.experimental.stateless_dropout(batch.features, dropout, seed)
        if hidden:
            x = tf.nn.relu(x @ hidden[0] + hidden[1])
            x = tf.nn.experimental.stateless_dropout(x, dropout, seed + 1)
        loss = tf.reduce_mean(loss_of(batch.codes, x @ kernel + bias))
    gradients = tape.gradient(loss, weights)
    beta_1, beta_2 = ADAM["beta_1"], ADAM["beta_2"]
    first = [beta_1 * m + (1 - beta_1) * g for m, g in zip(first, gradients, strict=True)]
    second = [beta_2 * v + (1 - beta_2) * g * g for v, g in zip(second, gradients, strict=True)]
    learning_rate *= tf.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    weights = [
        w - learning_rate * m / (tf.sqrt(v) + ADAM["epsilon"])
        for w, m, v in zip(weights, first, second, strict=True)
    ]
    return loss, _AdamState(weights, first, second, step)
