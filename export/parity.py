"""Does an exported model predict what the Keras model does? If not, it is not exported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data import Label
from data.labels import decisions
from export import by_label

TOLERANCE = 5e-4
"""A probability that an exported model gives may differ by less than this.

Where a sample of the run's own predictions agrees with Keras they are the reference, but for images
on which they differ by more: these come from activations that are kept in float16, and Keras is
asked about them again, see `export.predictions.exact_where_apart`.
"""


class ParityError(RuntimeError):
    """An exported model differs from the Keras model that it was made from."""


def compare(
    labels: Sequence[Label], keras_p: np.ndarray, exported_p: np.ndarray, name: str
) -> None:
    """Compare the predictions of two models and refuse the second if it differs.

    Args:
        labels: The labels of the models.
        keras_p: Class probabilities of the Keras model, float [N, K].
        exported_p: Those of the exported model for the same images, float [N, K].
        name: Name of the exported model, for the message.

    Raises:
        ParityError: Of some label, a probability differs by `TOLERANCE` or more or is not a number.

    Example:
        >>> from data import GENDER
        >>> keras_p = np.array([[0.8, 0.2], [0.1, 0.9]])
        >>> compare([GENDER], keras_p, keras_p + 1e-6, "vgg16 as fp32")
        >>> compare([GENDER], keras_p, keras_p - 0.01, "vgg16 as fp32")
        Traceback (most recent call last):
            ...
        export.parity.ParityError: vgg16 as fp32 differs from the Keras model in 'gender': ...
    """
    exported = by_label.parts(labels, exported_p)
    for (label, expected), (_, given) in zip(
        by_label.parts(labels, keras_p), exported, strict=True
    ):
        _compare(label, expected, given, name)


def _compare(label: Label, expected: np.ndarray, given: np.ndarray, name: str) -> None:
    difference = np.abs(expected - given).max(axis=1)
    changed = int((decisions(expected) != decisions(given)).sum())
    worst = int(np.argmax(difference))  # NaN counts as the largest
    if not difference[worst] < TOLERANCE:  # "not <" refuses NaN as well
        raise ParityError(
            f"{name} differs from the Keras model in '{label.name}': probabilities by up to "
            f"{difference[worst]:.2g} (image {worst}; allowed below {TOLERANCE:g}), {changed} of "
            f"{len(expected)} decisions changed. Nothing was exported for this backbone."
        )
