"""Class activation maps as outputs of a classifier (Zhou et al., 2016).

Without a hidden layer the head is linear on globally averaged activations, and a logit is the mean
of what each location gives: its activations times the head's weights. These products are one small
matrix multiplication beside the averaging, and say exactly where a logit comes from.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from data import Label
from data.labels import by_output, output_slices
from tuning.backbones.transfer_model import FeatureStatistics

_FEATURES = "features"  # the layer that averages, see `TransferModel`


def output_name(label: Label) -> str:
    """Return the name of a label's class activations in the graph.

    Args:
        label: Label of a model whose head has no hidden layer.

    Example:
        >>> from data import GENDER
        >>> output_name(GENDER)
        'p_man_activations'
    """
    return f"{label.output}_activations"


def with_activations(
    classifier: keras.Model, labels: Sequence[Label], slopes: Sequence[float]
) -> keras.Model:
    """Return a classifier that gives class activations as well.

    Args:
        classifier: Winner of a run, whose head has no hidden layer.
        labels: The labels of the winner.
        slopes: Slope of each label, by which its calibration multiplies the logits.

    Returns:
        Model that shares the classifier's layers and gives a dict: its probabilities by
        `Label.output`, and by `output_name` of each label float32 [N, height, width, label.width].
    """
    head = classifier.get_layer("head")
    std = FeatureStatistics.of_head(head).std
    kernel = head.get_layer("logit").get_weights()[0] / std[:, None]
    scale = np.repeat(slopes, [label.width for label in labels])
    weights = (kernel * scale).astype(np.float32)
    # As many dimensions on both sides: else Keras reshapes, by a dozen nodes of the graph.
    activations = keras.ops.matmul(classifier.get_layer(_FEATURES).input, weights[None, None])
    outputs = by_output(labels, classifier.output)
    # No split: a loaded classifier may have an operation of the name that Keras would give it.
    for label, at in zip(labels, output_slices(labels), strict=True):
        outputs[output_name(label)] = activations[..., at] if len(labels) > 1 else activations
    return keras.Model(classifier.input, outputs)
