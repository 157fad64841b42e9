"""The loss against Keras's own, label by label."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from data import GENDER, Label
from data.labels import MISSING
from tuning.metrics import probabilities
from tuning.training.loss import LabelLoss

HAIR = Label(name="hair", classes=("fair", "brown", "black"))
LOGITS = np.array([[0.5, 2.0, -1.0, 0.0], [-3.0, 0.3, 0.2, 0.1], [1.5, 0.0, 0.0, 4.0]], np.float32)
CODES = np.array([[1, 0], [1, 2], [0, 1]])


def test_of_two_classes_it_is_keras_binary_cross_entropy() -> None:
    loss = LabelLoss.of([GENDER], CODES[:, :1])
    keras_loss = keras.losses.BinaryCrossentropy(from_logits=True)
    weights = np.where(CODES[:, 0] == 1, 3 / (2 * 2), 3 / (2 * 1))
    balanced = LOGITS[:, :1] - np.log(2)  # two images for one have the second class
    expected = keras_loss(CODES[:, :1], balanced, sample_weight=weights)
    assert float(tf.reduce_mean(loss(CODES[:, :1], LOGITS[:, :1]))) == pytest.approx(
        float(expected)
    )


def test_of_many_classes_it_is_keras_categorical_cross_entropy() -> None:
    loss = LabelLoss.of([HAIR], CODES[:, 1:])
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    expected = keras_loss(np.eye(3)[CODES[:, 1]], LOGITS[:, 1:])  # each class once: weights of 1
    assert float(tf.reduce_mean(loss(CODES[:, 1:], LOGITS[:, 1:]))) == pytest.approx(
        float(expected)
    )


def test_of_several_labels_it_is_their_mean() -> None:
    both = LabelLoss.of([GENDER, HAIR], CODES)
    assert both.prior.shape == (4,)
    parts = (
        LabelLoss.of([GENDER], CODES[:, :1])(CODES[:, :1], LOGITS[:, :1]),
        LabelLoss.of([HAIR], CODES[:, 1:])(CODES[:, 1:], LOGITS[:, 1:]),
    )
    np.testing.assert_allclose(both(CODES, LOGITS), (parts[0] + parts[1]) / 2, rtol=1e-6)


def test_an_image_without_a_label_is_left_to_the_others() -> None:
    loss = LabelLoss.of([GENDER, HAIR], CODES)
    codes = CODES.copy()
    codes[1, 0] = MISSING
    whole, part = loss(CODES, LOGITS).numpy(), loss(codes, LOGITS).numpy()
    assert part[0] == whole[0] and part[2] == whole[2]
    assert 0 < part[1] < whole[1]
    codes[1, 1] = MISSING
    assert loss(codes, LOGITS).numpy()[1] == 0


def test_missing_labels_do_not_count_in_the_weights() -> None:
    codes = np.array([[0], [0], [1], [MISSING], [MISSING], [MISSING]])
    assert LabelLoss.of([GENDER], codes).weights == ((0.75, 1.5),)


def test_a_head_starts_with_the_frequencies_of_the_classes() -> None:
    codes = np.array([[0, 0]] * 6 + [[0, 1]] * 3 + [[1, 2]])
    loss = LabelLoss.of([GENDER, HAIR], codes)
    p = probabilities([GENDER, HAIR], loss.prior[None])
    np.testing.assert_allclose(p[0], [0.9, 0.1, 0.6, 0.3, 0.1], atol=1e-6)


def test_a_head_that_knows_nothing_but_frequencies_is_not_moved() -> None:
    """The gradient at the prior is zero: rare and frequent classes pull alike."""
    codes = np.array([[0]] * 9 + [[1]])
    loss = LabelLoss.of([GENDER], codes)
    logits = tf.Variable(np.tile(loss.prior, (10, 1)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(codes, logits))
    assert float(tf.reduce_sum(tape.gradient(total, logits))) == pytest.approx(0, abs=1e-5)
