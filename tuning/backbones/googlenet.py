"""GoogLeNet (Inception v1) in Keras, layer for layer as BVLC trained it in Caffe.

Source: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, and the BVLC GoogLeNet of the
Caffe model zoo. keras.applications does not have it.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import tensorflow as tf
from keras import layers

# Caffe's alpha is spread over the window of 5 channels; TensorFlow's is for each channel.
_LRN_ALPHA = 1e-4 / 5


@dataclass(frozen=True)
class _Inception:
    """Filters of one inception module, in the order of the paper's table 1."""

    name: str
    conv1: int
    reduce3: int
    conv3: int
    reduce5: int
    conv5: int
    pool: int


STAGES: dict[str, tuple[_Inception, ...]] = {
    "inception3": (
        _Inception("inception_3a", 64, 96, 128, 16, 32, 32),
        _Inception("inception_3b", 128, 128, 192, 32, 96, 64),
    ),
    "inception4": (
        _Inception("inception_4a", 192, 96, 208, 16, 48, 64),
        _Inception("inception_4b", 160, 112, 224, 24, 64, 64),
        _Inception("inception_4c", 128, 128, 256, 24, 64, 64),
        _Inception("inception_4d", 112, 144, 288, 32, 64, 64),
        _Inception("inception_4e", 256, 160, 320, 32, 128, 128),
    ),
    "inception5": (
        _Inception("inception_5a", 256, 160, 320, 32, 128, 128),
        _Inception("inception_5b", 384, 192, 384, 48, 128, 128),
    ),
}


@keras.saving.register_keras_serializable(package="tuning")
class LocalResponseNormalization(layers.Layer):
    """Krizhevsky's normalization over 5 neighboring channels (beta 0.75, k 1), NHWC in and out.

    Example:
        >>> x = LocalResponseNormalization()(tf.ones((1, 1, 1, 5)))
        >>> bool(tf.reduce_all(x < 1))
        True
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalize a feature map.

        Args:
            inputs: Feature map, float [N, height, width, channels].

        Returns:
            Of the same shape and type.
        """
        # TensorFlow has no bfloat16 kernel of it for processors.
        outputs = tf.nn.local_response_normalization(
            tf.cast(inputs, tf.float32), depth_radius=2, bias=1.0, alpha=_LRN_ALPHA, beta=0.75
        )
        return tf.cast(outputs, inputs.dtype)


def _conv(
    x: keras.KerasTensor, filters: int, kernel: int, name: str, strides: int = 1
) -> keras.KerasTensor:
    if strides > 1:  # Caffe pads both sides alike, TensorFlow's "same" the far side first
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="valid" if strides > 1 else "same",
        activation="relu",
        name=name,
    )(x)


def _halve(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # Caffe rounds pooled sizes up: one more row and column at the far side. The inputs are
    # never negative, so padding with zeros is the same as ignoring the padding.
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name=name)(x)


def _inception(x: keras.KerasTensor, module: _Inception) -> keras.KerasTensor:
    name = module.name
    pooled = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool")(x)
    branches = [
        _conv(x, module.conv1, 1, f"{name}_1x1"),
        _conv(_conv(x, module.reduce3, 1, f"{name}_3x3_reduce"), module.conv3, 3, f"{name}_3x3"),
        _conv(_conv(x, module.reduce5, 1, f"{name}_5x5_reduce"), module.conv5, 5, f"{name}_5x5"),
        _conv(pooled, module.pool, 1, f"{name}_pool_proj"),
    ]
    return layers.Concatenate(name=f"{name}_output")(branches)


def build(input_tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Add the layers of GoogLeNet to a tensor, up to its feature map, without classifier.

    Args:
        input_tensor: Images, mean subtracted, float [N, size, size, 3].

    Returns:
        float [N, ceil(size / 32), ceil(size / 32), 1024], the output of inception 5b.

    Example:
        >>> build(keras.Input((64, 64, 3))).shape
        (None, 2, 2, 1024)
    """
    x = _conv(input_tensor, 64, 7, "conv1_7x7_s2", strides=2)
    x = _halve(x, "pool1_3x3_s2")
    x = LocalResponseNormalization(name="pool1_norm1")(x)
    x = _conv(x, 64, 1, "conv2_3x3_reduce")
    x = _conv(x, 192, 3, "conv2_3x3")
    x = LocalResponseNormalization(name="conv2_norm2")(x)
    x = _halve(x, "pool2_3x3_s2")
    for number, modules in enumerate(STAGES.values(), start=3):
        for module in modules:
            x = _inception(x, module)
        if number < 5:
            x = _halve(x, f"pool{number}_3x3_s2")
    return x
