"""Does an INT8 model decide as the fp32 model does? If not, it is not served."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data import Label
from data.labels import MISSING
from data.progress import ProgressCallback
from data.rows import Rows
from export.by_label import decisions_by_label
from export.forms import BATCH_SIZE, Predict
from inference.bundle import QuantizationTrial
from tuning.image_batches import map_batches

MAX_ACCURACY_LOST = 0.005
"""Accuracy on validation images that INT8 may lose, 0..1."""
MAX_CHANGED = 0.01
"""Share of the validation images that INT8 may decide otherwise, 0..1."""


def judge(
    settings: str,
    labels: Sequence[Label],
    codes: np.ndarray,
    fp32_p: np.ndarray,
    int8_p: np.ndarray,
) -> QuantizationTrial:
    """Compare the decisions of an INT8 model with those of fp32 on validation images.

    Args:
        settings: How the model was quantized, in words.
        labels: The L labels of the model.
        codes: Codes of N images, int [N, L]; one that is missing says nothing about accuracy.
        fp32_p: Class probabilities of the model that it was made from, float [N, K].
        int8_p: Those of the INT8 model, of all N images or of the first n that
            `predict_until_refuted` looked at, float [n, K].

    Returns:
        What it lost, of several labels the largest, and whether that is little enough: at most
        `MAX_ACCURACY_LOST` of accuracy and `MAX_CHANGED` of the decisions, and no prediction that
        is not a number.

    Example:
        >>> from data import GENDER
        >>> codes, p_man = np.array([[0], [0], [1], [1]]), np.array([0.1, 0.4, 0.6, 0.9])
        >>> of = lambda p_man: np.stack([1 - p_man, p_man], axis=1)
        >>> judge("minmax", [GENDER], codes, of(p_man), of(p_man + 0.05)).passed
        True
        >>> trial = judge("minmax", [GENDER], codes, of(p_man), of(p_man + 0.1))
        >>> trial.passed, trial.accuracy_lost, trial.changed_decisions
        (False, 0.25, 0.25)
    """
    seen = len(int8_p)
    codes = codes[:seen]
    fp32, int8 = (decisions_by_label(labels, p) for p in (fp32_p[:seen], int8_p))
    lost = float(_accuracy_lost(codes, fp32, int8).max())
    changed = float((fp32 != int8).mean(axis=0).max())
    passed = lost <= MAX_ACCURACY_LOST and changed <= MAX_CHANGED
    return QuantizationTrial(
        settings=settings,
        images=seen,
        accuracy_lost=lost,
        changed_decisions=changed,
        passed=passed and bool(np.isfinite(int8_p).all()),
    )


def _accuracy_lost(codes: np.ndarray, fp32: np.ndarray, int8: np.ndarray) -> np.ndarray:
    """Accuracy of fp32 less that of INT8, by label, from codes and decisions [n, L]."""
    known = np.maximum((codes != MISSING).sum(axis=0), 1)  # no decision equals a missing code
    return ((fp32 == codes).sum(axis=0) - (int8 == codes).sum(axis=0)) / known


def predict_until_refuted(
    predict: Predict,
    images: Rows,
    rows: np.ndarray,
    labels: Sequence[Label],
    fp32_p: np.ndarray,
    on_progress: ProgressCallback | None = None,
) -> np.ndarray:
    """Predict images in batches, no further than `judge` needs to refuse the model.

    Args:
        predict: Function that runs the INT8 model on a batch.
        images: Images, uint8 RGB [N, s, s, 3].
        rows: Indices of the images to predict, int [n], at least one.
        labels: The labels of the model.
        fp32_p: Class probabilities of the model that it was made from for these images, float
            [n, K].
        on_progress: Called after each batch with the number of images done and of all.

    Returns:
        Class probabilities of the first m of these images, float [m, K]; m = n unless more than
        `MAX_CHANGED` of the n decisions on a label changed before.

    Example:
        >>> from data import GENDER
        >>> images, fp32_p = np.zeros((1000, 8, 8, 3), np.uint8), np.tile([0.9, 0.1], (1000, 1))
        >>> always_man = lambda batch: np.tile([0.0, 1.0], (len(batch), 1))
        >>> len(predict_until_refuted(always_man, images, np.arange(1000), [GENDER], fp32_p))
        32
    """
    fp32 = decisions_by_label(labels, fp32_p)
    parts: list[np.ndarray] = []
    done, changed = 0, np.zeros(len(labels), int)
    for p in map_batches(predict, images, rows, BATCH_SIZE, on_progress):
        parts.append(p)
        changed += (decisions_by_label(labels, p) != fp32[done : done + len(p)]).sum(axis=0)
        done += len(p)
        if changed.max() > MAX_CHANGED * len(rows):
            break
    return np.concatenate(parts)
