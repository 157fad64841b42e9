"""Does an exported model answer as the Keras model does? If not, it is not exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from inference.session import open_session
from tuning.model import INPUT_NAME, OUTPUT_NAME

TOLERANCE = 1e-4
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


def in_batches(predict: Predict, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """p_man of some images, float [n].

    Args:
        predict: uint8 [n, s, s, 3] -> float32 [n, 1].
        images: uint8 [N, s, s, 3].
        rows: int [n], which of them.
    """
    starts = range(0, len(rows), BATCH)
    return np.concatenate([predict(images[rows[s : s + BATCH]]) for s in starts])[:, 0]


def onnx_predict(path: Path, threads: int | None = None) -> Predict:
    """A function that runs an ONNX file in the session that serving uses."""
    session = open_session(path, threads)
    return lambda batch: session.run([OUTPUT_NAME], {INPUT_NAME: batch})[0]


def saved_model_predict(folder: Path) -> Predict:
    """A function that runs a SavedModel's `serve` signature."""
    loaded = tf.saved_model.load(str(folder))
    return lambda batch: loaded.serve(tf.constant(batch))[OUTPUT_NAME].numpy()
