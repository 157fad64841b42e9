"""Multiplications and additions of a network's layers."""

from __future__ import annotations

import math

import keras


def gmacs_of(model: keras.Model) -> float:
    """Count the operations of a model for one image.

    Those of convolutions and dense layers are counted, which are nearly all.

    Args:
        model: Model of layers, without models in it.

    Returns:
        Billions of multiplications, each with its addition.

    Example:
        >>> model = keras.Sequential([keras.Input((10, 10, 3)), keras.layers.Conv2D(8, 3)])
        >>> gmacs_of(model) * 1e9 == 8 * 8 * 8 * 3 * 3 * 3
        True
    """
    return sum(map(_macs, model.layers)) / 1e9


def _macs(layer: keras.Layer) -> int:
    if not isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        return 0
    places = math.prod(layer.output.shape[1:-1])
    return places * math.prod(layer.kernel.shape)
