"""Batch normalization folded into the convolutions before it, for passes through a frozen trunk.

In inference mode it multiplies each channel by a number and adds another, which the convolution's
own kernel and bias can do: a fifth of a ResNet's time in TensorFlow (docs/decisions, page 41).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np


def folded(trunk: keras.Model, weights: Mapping[str, list[np.ndarray]]) -> keras.Model:
    """Return a model that computes what a trunk does, without its batch normalization.

    Args:
        trunk: Model as `TransferModel.trunk` makes it, whose batch normalization `<name>_bn` stands
            behind a convolution `<name>_conv` with a bias.
        weights: Arrays of each layer, see `Weights.layers`.

    Returns:
        Model with layers and weights of its own, whatever those of `trunk` hold now or later.

    Example:
        >>> image = keras.Input((4, 4, 3))
        >>> x = keras.layers.Conv2D(2, 3, name="first_conv")(image)
        >>> trunk = keras.Model(image, keras.layers.BatchNormalization(name="first_bn")(x))
        >>> weights = {layer.name: layer.get_weights() for layer in trunk.layers}
        >>> [layer.name for layer in folded(trunk, weights).layers][1:]
        ['first_conv']
    """
    twin = keras.models.clone_model(trunk, call_function=_call)
    normalizing = {_convolution(layer): layer for layer in trunk.layers if _normalizes(layer)}
    for layer in twin.layers:
        if layer.weights:
            arrays = weights[layer.name]
            after = normalizing.get(layer.name)
            layer.set_weights(_scaled(arrays, after, weights[after.name]) if after else arrays)
    return twin


def _normalizes(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _convolution(normalization: keras.Layer) -> str:
    return f"{normalization.name.removesuffix('_bn')}_conv"


def _call(layer: keras.Layer, *args: Any, **kwargs: Any) -> keras.KerasTensor:
    return args[0] if _normalizes(layer) else layer(*args, **kwargs)


def _scaled(
    convolution: list[np.ndarray], normalization: keras.Layer, arrays: list[np.ndarray]
) -> list[np.ndarray]:
    kernel, bias = convolution
    gamma, beta, mean, variance = arrays
    scale = gamma / np.sqrt(variance + normalization.epsilon)
    return [kernel * scale, (bias - mean) * scale + beta]
