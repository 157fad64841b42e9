"""The forms of a model, each opened as a function of images: Keras, SavedModel, ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from inference.runtime.session import open_session

BATCH = 32

Predict = Callable[[np.ndarray], np.ndarray]


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

    import tuning.backbones.googlenet  # noqa: F401 - registers its layer

    model = keras.models.load_model(file)
    return lambda batch: model.predict(batch, verbose=0)
