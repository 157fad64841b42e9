"""Class activation maps as outputs of a classifier, after Zhou et al. (2016).

Without a hidden layer a logit is a bias and a sum over the fields of the head's grid: each gives
its standardized features times the head's weights there. So a map says exactly what a field adds to
the logit of this face, beyond what it adds to that of the average face.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from data import Label
from data.labels import by_output, output_slices
from tuning.backbones.head_features import STANDARDIZE
from tuning.backbones.transfer_model import HEAD
from tuning.runs.schema import Hyperparameters

_LEAST_GRID = 3  # a coarser map says less than covered spots do


def output_name(label: Label) -> str:
    """Return the name of a label's class activations in the graph.

    Args:
        label: Label of a model that `has_activations`.

    Example:
        >>> from data import GENDER
        >>> output_name(GENDER)
        'p_man_activations'
    """
    return f"{label.output}_activations"


def has_activations(chosen: Hyperparameters) -> bool:
    """Whether a model gives class activations: its head is linear, on a grid of at least 3 x 3.

    Args:
        chosen: Hyperparameters of the model.

    Example:
        >>> chosen = {"stages": 4, "depth": 1, "grid": 6, "learning_rate": 1e-4, "dropout": 0.3}
        >>> [has_activations(Hyperparameters(**chosen, head_units=units)) for units in (0, 64)]
        [True, False]
    """
    return not chosen.head_units and chosen.grid >= _LEAST_GRID


def with_activations(
    classifier: keras.Model, labels: Sequence[Label], slopes: Sequence[float], grid: int
) -> keras.Model:
    """Return a classifier that gives class activations as well.

    Args:
        classifier: Winner of a run that `has_activations`.
        labels: The labels of the winner.
        slopes: Slope of each label, by which its calibration multiplies the logits.
        grid: Number of fields along each side of its head's grid.

    Returns:
        Model that shares the classifier's layers and gives a dict: its probabilities by
        `Label.output`, and by `output_name` of each label float32 [N, grid, grid, label.width],
        whose means over the fields are its calibrated logits but for constants.
    """
    head = classifier.get_layer(HEAD)
    scale = np.repeat(slopes, [label.width for label in labels]) * grid**2
    kernel = head.get_layer("logit").get_weights()[0] * scale
    by_field = kernel.reshape(1, grid * grid, -1, kernel.shape[1]).astype(np.float32)
    features = _standardized(classifier, head)
    rows = keras.ops.reshape(features, (-1, grid * grid, 1, by_field.shape[2]))
    activations = keras.ops.reshape(
        keras.ops.matmul(rows, by_field), (-1, grid, grid, kernel.shape[1])
    )
    outputs = by_output(labels, classifier.output)
    # No split: a loaded classifier may have an operation of the name that Keras would give it.
    for label, at in zip(labels, output_slices(labels), strict=True):
        outputs[output_name(label)] = activations[..., at] if len(labels) > 1 else activations
    return keras.Model(classifier.input, outputs, name=classifier.name)


def _standardized(classifier: keras.Model, head: keras.Model) -> keras.KerasTensor:
    """The features that the head computes, computed once more; converters merge the two."""
    layers = classifier.layers
    maps = layers[layers.index(head) - 1].output
    features = head.get_layer(STANDARDIZE).output
    return keras.Model(head.input, features, name="standardized")(maps)  # else a running number
