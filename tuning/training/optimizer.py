"""Adam, and a moving average of the weights, as parts of a graph.

One operation of TensorFlow updates a weight and both of its moments in one pass over memory; the
optimizer of Keras makes some fifteen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


class TrainedVariable(NamedTuple):
    """A weight under Adam (Kingma and Ba, 2015), with what belongs to it, all float32.

    Attributes:
        weight: Variable of the model.
        average: Moving average of the weight.
        first: First moment of its gradient.
        second: Second moment of its gradient.
    """

    weight: tf.Variable
    average: tf.Variable
    first: tf.Variable
    second: tf.Variable


def take_step(
    trained: Sequence[TrainedVariable],
    gradients: Sequence[tf.Tensor],
    learning_rate: tf.Tensor,
    step: tf.Tensor,
) -> None:
    """Update weights by the sum of all devices' gradients, on each device.

    Args:
        trained: Weights to update.
        gradients: This device's gradient of each weight.
        learning_rate: Learning rate, float32.
        step: Number of this step, from 1, float32.

    Example:
        >>> trained = TrainedVariable(*map(tf.Variable, ([1.0, 2.0], *[[0.0, 0.0]] * 3)))
        >>> gradient = tf.constant([0.5, -0.1])
        >>> take_step([trained], [gradient], tf.constant(0.01), tf.constant(1.0))
        >>> trained.weight.numpy().round(4).tolist()
        [0.99, 2.01]
    """

    def update(strategy: tf.distribute.Strategy, *values: tf.Tensor) -> None:
        learning_rate, step, *summed = values
        for variable, gradient in zip(trained, summed, strict=True):
            arguments = (variable.first, variable.second, gradient, learning_rate, step)
            strategy.extended.update(variable.weight, _adam, arguments, group=False)

    context = tf.distribute.get_replica_context()
    summed = context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
    context.merge_call(update, (learning_rate, step, *summed))


def _adam(
    weight: tf.Variable,
    first: tf.Variable,
    second: tf.Variable,
    gradient: tf.Tensor,
    learning_rate: tf.Tensor,
    step: tf.Tensor,
) -> None:
    tf.raw_ops.ResourceApplyAdam(
        var=weight.handle,
        m=first.handle,
        v=second.handle,
        beta1_power=ADAM["beta_1"] ** step,
        beta2_power=ADAM["beta_2"] ** step,
        lr=learning_rate,
        beta1=ADAM["beta_1"],
        beta2=ADAM["beta_2"],
        epsilon=ADAM["epsilon"],
        grad=gradient,
    )


def average(trained: Sequence[TrainedVariable], share: tf.Tensor) -> None:
    """Move the averages towards the weights.

    Args:
        trained: Weights with their averages.
        share: Share of the difference by which they move, 0..1.

    Example:
        >>> trained = TrainedVariable(*map(tf.Variable, ([1.0, 2.0], *[[0.0, 0.0]] * 3)))
        >>> average([trained], 0.25)
        >>> trained.average.numpy().tolist()
        [0.25, 0.5]
    """
    for variable in trained:
        variable.average.assign_add(share * (variable.weight - variable.average))
