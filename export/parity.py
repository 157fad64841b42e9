"""Does an exported model answer as the Keras model does? If not, it is not exported."""

from __future__ import annotations

import numpy as np

from tuning.metrics import decisions

TOLERANCE = 1e-4


class ParityError(RuntimeError):
    """An exported model differs from the Keras model that it was made from."""


def compare(keras_p: np.ndarray, exported_p: np.ndarray, name: str) -> None:
    """Compare the answers of two models and refuse the second if it differs.

    Args:
        keras_p: p_man of the Keras model, float [N].
        exported_p: of the exported one, likewise.
        name: of the exported model, for the message.

    Raises:
        ParityError: a difference of TOLERANCE or more, or a changed decision.
    """
    difference = np.abs(keras_p - exported_p)
    changed = int((decisions(keras_p) != decisions(exported_p)).sum())
    largest = float(difference.max())
    if not largest < TOLERANCE or changed:  # "not <" refuses NaN as well
        raise ParityError(
            f"{name} differs from the Keras model: p_man by up to {largest:.2g} (image "
            f"{int(np.nanargmax(difference))}; allowed below {TOLERANCE:g}), {changed} of "
            f"{len(keras_p)} decisions changed. Nothing was exported for this backbone."
        )
