"""Logits to class probabilities, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from data import Label
from data.labels import class_slices, from_outputs, output_slices
from tuning.runs.schema import Calibration

CLIP = 1e-7
"""By how much probabilities of 0 and 1 are moved in."""


def probabilities(
    labels: Sequence[Label], logits: np.ndarray, calibrations: Sequence[Calibration] | None = None
) -> np.ndarray:
    """Turn the logits of a head into class probabilities.

    Args:
        labels: The labels of the head.
        logits: Logits of all labels side by side, float [N, sum of widths].
        calibrations: Calibration of each label; None for none.

    Returns:
        float64 [N, K].

    Example:
        >>> from data import GENDER
        >>> probabilities([GENDER], np.array([[0.0], [100.0]])).tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    logits = np.asarray(logits, dtype=np.float64)
    outputs = []
    for number, (label, at) in enumerate(zip(labels, output_slices(labels), strict=True)):
        part = calibrations[number].apply(logits[:, at]) if calibrations else logits[:, at]
        outputs.append(special.expit(part) if label.is_binary else special.softmax(part, axis=1))
    return from_outputs(labels, outputs)


def logits_of(labels: Sequence[Label], p: np.ndarray) -> np.ndarray:
    """Turn class probabilities back into logits; those at 0 or 1 become -16 or 16.

    Args:
        labels: The labels of the model.
        p: Class probabilities, float [N, K].

    Returns:
        float64 [N, sum of widths], of many classes up to a constant.

    Example:
        >>> from data import GENDER
        >>> logits_of([GENDER], np.array([[0.5, 0.5], [0.0, 1.0]])).round(1).tolist()
        [[0.0], [16.1]]
    """
    clipped = np.clip(p, CLIP, 1 - CLIP)
    parts = []
    for label, at in zip(labels, class_slices(labels), strict=True):
        of_label = clipped[:, at]
        if label.is_binary:
            second = of_label[:, 1:]
            parts.append(np.log(second / (1 - second)))
        else:
            parts.append(np.log(of_label))
    return np.hstack(parts)
