"""Does an exported model predict what the Keras model does? If not, it is not exported."""

from __future__ import annotations

import numpy as np

from tuning.metrics import decisions

TOLERANCE = 1e-4
"""p_man of an exported model may differ by less than this."""


class ParityError(RuntimeError):
    """An exported model differs from the Keras model that it was made from."""


def compare(keras_p: np.ndarray, exported_p: np.ndarray, name: str) -> None:
    """Compare the predictions of two models and refuse the second if it differs.

    Args:
        keras_p: p_man of the Keras model, float [N].
        exported_p: p_man of the exported model for the same images, float [N].
        name: Name of the exported model, for the message.

    Raises:
        ParityError: A p_man differs by `TOLERANCE` or more or is not a number, or a decision
            changed.

    Example:
        >>> keras_p = np.array([0.2, 0.9])
        >>> compare(keras_p, keras_p + 1e-6, "vgg16 as fp32")
        >>> compare(keras_p, keras_p - 0.01, "vgg16 as fp32")
        Traceback (most recent call last):
            ...
        export.parity.ParityError: vgg16 as fp32 differs from the Keras model: p_man by up to ...
    """
    difference = np.abs(keras_p - exported_p)
    changed = int((decisions(keras_p) != decisions(exported_p)).sum())
    worst = int(np.argmax(difference))  # NaN counts as the largest
    if not difference[worst] < TOLERANCE or changed:  # "not <" refuses NaN as well
        raise ParityError(
            f"{name} differs from the Keras model: p_man by up to {difference[worst]:.2g} (image "
            f"{worst}; allowed below {TOLERANCE:g}), {changed} of {len(keras_p)} decisions "
            "changed. Nothing was exported for this backbone."
        )
