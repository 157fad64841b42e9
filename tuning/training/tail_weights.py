"""Weights of a tail by name: what a training starts from and leaves, in memory and as bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

TailWeights = dict[str, np.ndarray]
"""Weights, float32, by "layer/variable", such as "logit/kernel" or "standardize/moving_mean"."""


def variables(tail: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables of a tail by their names in `TailWeights`, trained and frozen ones.

    Args:
        tail: Model to the logits; models in it are entered.

    Example:
        >>> tail = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="logit")])
        >>> list(variables(tail))
        ['logit/kernel', 'logit/bias']
    """
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in _layers(tail)
        for variable in layer.weights
    }


def of(tail: keras.Model) -> TailWeights:
    """Return a copy of a tail's weights.

    Args:
        tail: Model to the logits.

    Example:
        >>> tail = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="logit")])
        >>> of(tail)["logit/bias"].tolist()
        [0.0]
    """
    return {name: value_of(variable) for name, variable in variables(tail).items()}


def value_of(variable: keras.Variable | tf.Variable) -> np.ndarray:
    """Return a copy of a variable's value.

    Args:
        variable: The variable, float.
    """
    return np.array(variable.numpy(), np.float32)


def put(tail: keras.Model, weights: TailWeights) -> None:
    """Set the weights of a tail that are among others; the rest of both stays as it is.

    Args:
        tail: Model to the logits.
        weights: Weights of this or of a shallower tail.

    Raises:
        ValueError: A weight has another shape than in the tail.

    Example:
        >>> tail = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="logit")])
        >>> put(tail, {"logit/bias": np.float32([3.0]), "hidden/bias": np.float32([1.0])})
        >>> of(tail)["logit/bias"].tolist()
        [3.0]
    """
    for name, variable in variables(tail).items():
        if name in weights:
            variable.assign(weights[name])


def to_bytes(weights: Mapping[str, np.ndarray]) -> bytes:
    """Return weights, or other arrays, as the content of an `.npz` file.

    Args:
        weights: Arrays by name.

    Example:
        >>> from_bytes(to_bytes({"logit/bias": np.float32([3.0])}))
        {'logit/bias': array([3.], dtype=float32)}
    """
    content = io.BytesIO()
    np.savez(content, **dict[str, Any](weights))
    return content.getvalue()


def from_bytes(content: bytes) -> TailWeights | None:
    """Read weights.

    Args:
        content: What `to_bytes` returned.

    Returns:
        Weights by name, None if they are damaged.

    Example:
        >>> from_bytes(b"PK damaged") is None
        True
    """
    weights = read_arrays(content)
    if weights is None or any(array.dtype != np.float32 for array in weights.values()):
        return None
    return weights


def read_arrays(content: bytes) -> dict[str, np.ndarray] | None:
    """Read arrays of any type by their names.

    Args:
        content: Content of an `.npz` file.

    Returns:
        Arrays by name, None if they are damaged.
    """
    try:
        with np.load(io.BytesIO(content)) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer
