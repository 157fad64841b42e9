"""The head: from pooled features to the logit, trained like a tail but by a loop of its own.

Heads train in fractions of a second, where Keras takes longer to build a training graph for each.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from tuning.training.batches import Batches, TrainingData
from tuning.training.early_stopping import Validation
from tuning.training.schedule import ADAM, LABEL_SMOOTHING, PREDICTION_BATCH_SIZE, TrainingConfig

Tensors = list[tf.Tensor]


def fit_head(
    head: keras.Model,
    dropout: float,
    data: TrainingData,
    config: TrainingConfig,
    rng: np.random.Generator,
    validation: Validation,
) -> None:
    """Train a head in place on pooled features and leave it at its best epoch.

    The graph of a step is the same for all heads, so it is made once a process.

    Args:
        head: Model from `TransferModel.head`.
        dropout: Dropout rate of the head, 0..1.
        data: Pooled features to learn from and to score on, and their statistics.
        config: How to train, at depth 0.
        rng: Source of order, views and dropout.
        validation: Scores each epoch and says when to stop.
    """
    batches = Batches(data.train, 0, config.batch_size, rng)
    rates = config.learning_rates(len(batches))
    mean, std = data.statistics.mean, data.statistics.std
    held_out = Batches(data.val, 0, PREDICTION_BATCH_SIZE)
    weights = [tf.constant(weight) for weight in head.trainable_weights]
    first, second = ([tf.zeros_like(weight) for weight in weights] for _ in range(2))
    best, step = weights, 0
    for _ in range(config.epochs):
        losses = []
        for index in range(len(batches)):
            features, labels, importance = batches[index]
            learning_rate = tf.constant(rates[step])
            step += 1
            seed = tf.constant(rng.integers(2**31, size=2), dtype=tf.int32)
            loss, weights, first, second = _step(
                weights, first, second, tf.constant(step, tf.float32), learning_rate,
                (features - mean) / std, labels, importance, tf.constant(dropout), seed,
            )  # fmt: skip
            losses.append(loss)
        batches.on_epoch_end()
        parts = [
            _logits(weights, (held_out[index][0] - mean) / std) for index in range(len(held_out))
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
    learning_rate: tf.Tensor,
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
    beta_1, beta_2 = ADAM["beta_1"], ADAM["beta_2"]
    first = [beta_1 * m + (1 - beta_1) * g for m, g in zip(first, gradients, strict=True)]
    second = [beta_2 * v + (1 - beta_2) * g * g for v, g in zip(second, gradients, strict=True)]
    learning_rate *= tf.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    weights = [
        w - learning_rate * m / (tf.sqrt(v) + ADAM["epsilon"])
        for w, m, v in zip(weights, first, second, strict=True)
    ]
    return loss, weights, first, second
