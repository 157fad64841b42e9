"""Does an INT8 model decide as the fp32 model does? If not, it is not served."""

from __future__ import annotations

import numpy as np

from data.progress import ProgressCallback
from export.forms import BATCH_SIZE, Predict
from inference.bundle import QuantizationTrial
from tuning.image_batches import map_batches
from tuning.metrics import decisions

MAX_ACCURACY_LOST = 0.005
"""Accuracy on validation images that INT8 may lose, 0..1."""
MAX_CHANGED = 0.01
"""Share of the validation images that INT8 may decide otherwise, 0..1."""


def judge(
    settings: str, labels: np.ndarray, fp32_p: np.ndarray, int8_p: np.ndarray
) -> QuantizationTrial:
    """Compare the decisions of an INT8 model with those of fp32 on validation images.

    Args:
        settings: How the model was quantized, in words.
        labels: Labels, 0 or 1, [N].
        fp32_p: p_man of the model that it was made from, float [N].
        int8_p: p_man of the INT8 model, of all N images or of the first n that
            `predict_until_refuted` looked at, float [n].

    Returns:
        What it lost, and whether that is little enough: at most `MAX_ACCURACY_LOST` of accuracy
        and `MAX_CHANGED` of the decisions, and no prediction that is not a number.

    Example:
        >>> labels, fp32_p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.6, 0.9])
        >>> judge("minmax", labels, fp32_p, fp32_p + 0.05).passed
        True
        >>> trial = judge("minmax", labels, fp32_p, fp32_p + 0.2)
        >>> trial.passed, trial.accuracy_lost, trial.changed_decisions
        (False, 0.25, 0.25)
    """
    labels, fp32, int8 = labels[: len(int8_p)], decisions(fp32_p[: len(int8_p)]), decisions(int8_p)
    lost = float((fp32 == labels).sum() - (int8 == labels).sum()) / len(labels)
    changed = float((fp32 != int8).mean())
    passed = lost <= MAX_ACCURACY_LOST and changed <= MAX_CHANGED
    return QuantizationTrial(
        settings=settings,
        images=len(labels),
        accuracy_lost=lost,
        changed_decisions=changed,
        passed=passed and bool(np.isfinite(int8_p).all()),
    )


def predict_until_refuted(
    predict: Predict,
    images: np.ndarray,
    rows: np.ndarray,
    fp32_p: np.ndarray,
    on_progress: ProgressCallback | None = None,
) -> np.ndarray:
    """Predict images in batches, no further than `judge` needs to refuse the model.

    Args:
        predict: Function that runs the INT8 model on a batch.
        images: Images, uint8 RGB [N, s, s, 3].
        rows: Indices of the images to predict, int [n], at least one.
        fp32_p: p_man of the model that it was made from for these images, float [n].
        on_progress: Called after each batch with the number of images done and of all.

    Returns:
        p_man of the first m of these images, float [m]; m = n unless more than `MAX_CHANGED` of
        the n decisions changed before.

    Example:
        >>> images, fp32_p = np.zeros((1000, 8, 8, 3), np.uint8), np.full(1000, 0.1)
        >>> always_man = lambda batch: np.ones((len(batch), 1))
        >>> len(predict_until_refuted(always_man, images, np.arange(1000), fp32_p))
        32
    """
    parts: list[np.ndarray] = []
    done = changed = 0
    for p_man in map_batches(predict, images, rows, BATCH_SIZE, on_progress):
        parts.append(p_man[:, 0])
        compared = fp32_p[done : done + len(p_man)]
        done += len(p_man)
        changed += int((decisions(parts[-1]) != decisions(compared)).sum())
        if changed > MAX_CHANGED * len(rows):
            break
    return np.concatenate(parts)
