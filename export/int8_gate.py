"""Does an INT8 model decide as the float model does? If not, it is not served."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from export.forms import BATCH, Predict, in_batches
from inference.bundle import QuantizationTrial
from tuning.metrics import decisions

MAX_ACCURACY_LOST = 0.005
MAX_CHANGED = 0.01


def attempt(
    settings: str, labels: np.ndarray, fp32_p: np.ndarray, int8_p: np.ndarray
) -> QuantizationTrial:
    """Judge an INT8 model by the validation images.

    Args:
        settings: how it was quantised.
        labels: 0 or 1, [N].
        fp32_p: p_man of the model that it was made from, float [N].
        int8_p: its own, of all N images or as many as `until_refuted` looked at, float [n].

    Returns:
        what it lost, and whether that is little enough: at most MAX_ACCURACY_LOST of accuracy
        and MAX_CHANGED of the decisions at p_man >= 0.5. Answers that are no numbers fail.
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


def until_refuted(
    predict: Predict,
    images: np.ndarray,
    rows: np.ndarray,
    fp32_p: np.ndarray,
    advance: Callable[[int], None] = lambda _: None,
) -> np.ndarray:
    """p_man of some images like `in_batches`, but no further than `attempt` needs to refuse it.

    Args:
        predict: of the INT8 model.
        images: uint8 [N, s, s, 3].
        rows: int [n], which of them.
        fp32_p: p_man of the model that it was made from, float [n].
        advance: called with the number of images done since the last call.

    Returns:
        float [m], m = n unless more than MAX_CHANGED of the n decisions changed before.
    """
    parts, changed = [], 0
    for start in range(0, len(rows), BATCH):
        part = slice(start, start + BATCH)
        parts.append(in_batches(predict, images, rows[part], advance))
        changed += int((decisions(parts[-1]) != decisions(fp32_p[part])).sum())
        if changed > MAX_CHANGED * len(rows):
            break
    return np.concatenate(parts)
