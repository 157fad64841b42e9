"""Does an exported model answer as it should? If not, it is not exported, or not served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.bundle import Attempt
from inference.session import open_session

TOLERANCE = 1e-4
MAX_ACCURACY_LOST = 0.005
MAX_CHANGED = 0.01
BATCH = 32

Predict = Callable[[np.ndarray], np.ndarray]


class ParityError(RuntimeError):
    """An exported model differs from the Keras model that it was made from."""


@dataclass(frozen=True)
class Parity:
    """How an exported model differs from Keras on the same images.

    Attributes:
        images: how many were compared.
        largest_difference: of p_man, 0..1.
        changed_decisions: at p_man >= 0.5.
    """

    images: int
    largest_difference: float
    changed_decisions: int


def compare(keras_p: np.ndarray, exported_p: np.ndarray, name: str) -> Parity:
    """Compare the answers of two models and refuse the second if it differs.

    Args:
        keras_p: p_man of the Keras model, float [N].
        exported_p: of the exported one, likewise.
        name: of the exported model, for the message.

    Raises:
        ParityError: a difference of TOLERANCE or more, or a changed decision.
    """
    difference = np.abs(keras_p - exported_p)
    changed = int(((keras_p >= 0.5) != (exported_p >= 0.5)).sum())
    largest = float(difference.max())
    if not largest < TOLERANCE or changed:  # "not <" refuses NaN as well
        raise ParityError(
            f"{name} differs from the Keras model: p_man by up to {largest:.2g} (image "
            f"{int(np.nanargmax(difference))}; allowed below {TOLERANCE:g}), {changed} of "
            f"{len(keras_p)} decisions changed. Nothing was exported for this backbone."
        )
    return Parity(len(keras_p), largest, changed)


def attempt(settings: str, labels: np.ndarray, fp32_p: np.ndarray, int8_p: np.ndarray) -> Attempt:
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
    labels, fp32, int8 = labels[: len(int8_p)], fp32_p[: len(int8_p)] >= 0.5, int8_p >= 0.5
    lost = float((fp32 == labels).sum() - (int8 == labels).sum()) / len(labels)
    changed = float((fp32 != int8).mean())
    passed = lost <= MAX_ACCURACY_LOST and changed <= MAX_CHANGED
    return Attempt(
        settings=settings,
        images=len(labels),
        accuracy_lost=lost,
        changed_decisions=changed,
        passed=passed and bool(np.isfinite(int8_p).all()),
    )


def in_batches(
    predict: Predict,
    images: np.ndarray,
    rows: np.ndarray,
    advance: Callable[[int], None] = lambda _: None,
) -> np.ndarray:
    """p_man of some images, float [n].

    Args:
        predict: uint8 [n, s, s, 3] -> float32 [n, 1].
        images: uint8 [N, s, s, 3].
        rows: int [n], which of them.
        advance: called with the number of images done since the last call.
    """
    parts = []
    for start in range(0, len(rows), BATCH):
        batch = images[rows[start : start + BATCH]]
        parts.append(predict(batch)[:, 0])
        advance(len(batch))
    return np.concatenate(parts)


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
        changed += int(((parts[-1] >= 0.5) != (fp32_p[part] >= 0.5)).sum())
        if changed > MAX_CHANGED * len(rows):
            break
    return np.concatenate(parts)


def onnx_predict(path: Path, threads: int | None = None) -> Predict:
    """A function that runs an ONNX file in the session that serving uses."""
    session = open_session(path, threads)
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def saved_model_predict(folder: Path) -> Predict:
    """A function that runs a SavedModel's `serve` signature."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    return lambda batch: next(iter(loaded.serve(tf.constant(batch)).values())).numpy()


def keras_predict(file: Path) -> Predict:
    """A function that runs `Model.predict` of a winner."""
    import keras

    import tuning.googlenet  # noqa: F401 - registers its layer

    model = keras.models.load_model(file)
    return lambda batch: model.predict(batch, verbose=0)
