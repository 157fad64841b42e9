"""Stored activations as tensors: float16 becomes float32 outside of graphs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def tensor_of(array: np.ndarray) -> tf.Tensor:
    """Return stored activations as float32, anything else as it is.

    TensorFlow converts float16 some thirty times as fast as NumPy, and half of the bytes travel to
    a GPU. It does so here and not in the graph of a step, where the conversion would be moved
    behind operations that are slow in float16.

    Args:
        array: Activations, float16 or float32, uint8 images, or codes.

    Example:
        >>> tensor_of(np.float16([[0.5, -3.0]])).numpy().tolist()
        [[0.5, -3.0]]
    """
    if array.dtype != np.float16:
        return tf.convert_to_tensor(array)
    return _from_halves(tf.convert_to_tensor(array.view(np.uint16)))


@tf.function(input_signature=[tf.TensorSpec(None, tf.uint16)])
def _from_halves(bits: tf.Tensor) -> tf.Tensor:
    """Convert float16 that goes by as integers: else TensorFlow writes a line about it."""
    return tf.cast(tf.bitcast(bits, tf.float16), tf.float32)
