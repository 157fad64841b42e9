import keras
import numpy as np
import tensorflow as tf

from tuning.training.optimizer import TrainedVariable, average, take_step


def variable(value: list[float]) -> TrainedVariable:
    return TrainedVariable(tf.Variable(value), *(tf.Variable([0.0] * len(value)) for _ in "123"))


def test_steps_are_those_of_keras_adam() -> None:
    trained = [variable([1.0, 2.0]), variable([3.0])]
    theirs = [keras.Variable([1.0, 2.0]), keras.Variable([3.0])]
    adam = keras.optimizers.Adam(0.01)
    rng = np.random.default_rng(0)
    for step in range(1, 20):
        gradients = [tf.constant(rng.normal(size=n), tf.float32) for n in (2, 1)]
        take_step(trained, gradients, tf.constant(0.01), tf.constant(float(step)))
        adam.apply(gradients, theirs)
    for ours, other in zip(trained, theirs, strict=True):
        np.testing.assert_allclose(ours.weight.numpy(), other.numpy(), rtol=1e-5)


def test_averages_move_by_a_share() -> None:
    trained = variable([4.0])
    for share in (1.0, 0.5):
        average([trained], tf.constant(share))
        trained.weight.assign([8.0])
    assert trained.average.numpy().tolist() == [6.0]
