"""The forms of a model (Keras, SavedModel, ONNX in fp32 and INT8), each a function of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np

from data.progress import ProgressCallback
from inference.bundle import FormatName
from inference.runtime.session import open_session
from tuning.image_batches import map_batches

BATCH_SIZE = 32

FormName = FormatName | Literal["keras"]
"""The formats of a bundle, and the Keras model that they were made from."""

TITLES: dict[FormName, str] = {
    "keras": "Keras",
    "saved_model": "SavedModel",
    "fp32": "ONNX fp32",
    "int8": "ONNX INT8",
}
FILES: dict[FormatName, str] = {
    "fp32": "model.onnx",
    "int8": "model.int8.onnx",
    "saved_model": "saved_model",
}

Predict = Callable[[np.ndarray], np.ndarray]
"""uint8 RGB [n, s, s, 3] -> p_man, float32 [n, 1]."""


@dataclass(frozen=True)
class Form:
    """A model in one form, open.

    Attributes:
        name: Name of the form.
        path: File or folder that it was opened from.
        predict: Function that runs it on a batch of images.

    Example:
        >>> form = Form("fp32", Path("model.onnx"), lambda batch: np.ones((len(batch), 1)))
        >>> form.title, form.predict(np.zeros((2, 8, 8, 3), np.uint8)).shape
        ('ONNX fp32', (2, 1))
    """

    name: FormName
    path: Path
    predict: Predict

    @classmethod
    def open(cls, name: FormName, path: Path) -> Self:
        """Open a model in its form.

        Args:
            name: Name of the form.
            path: File or folder of the model.

        Raises:
            OSError: The file or folder cannot be read.
        """
        openers: dict[FormName, Callable[[Path], Predict]] = {
            "keras": _open_keras,
            "saved_model": _open_saved_model,
        }
        return cls(name, path, openers.get(name, _open_onnx)(path))

    @property
    def title(self) -> str:
        """Name of the form as people write it."""
        return TITLES[self.name]


def in_batches(
    predict: Predict,
    images: np.ndarray,
    rows: np.ndarray,
    on_progress: ProgressCallback | None = None,
) -> np.ndarray:
    """Predict images in batches of `BATCH_SIZE`.

    Args:
        predict: Function that runs a model on a batch.
        images: Images, uint8 RGB [N, s, s, 3].
        rows: Indices of the images to predict, int [n], at least one.
        on_progress: Called after each batch with the number of images done and of all.

    Returns:
        p_man of each of these images, float [n].

    Example:
        >>> images = np.zeros((3, 8, 8, 3), np.uint8)
        >>> images[1] = 255
        >>> brightness = lambda batch: batch.mean(axis=(1, 2, 3))[:, None] / 255
        >>> in_batches(brightness, images, np.array([1, 2])).tolist()
        [1.0, 0.0]
    """
    batches = map_batches(predict, images, rows, BATCH_SIZE, on_progress)
    return np.concatenate([p_man[:, 0] for p_man in batches])


def _open_onnx(path: Path) -> Predict:
    session = open_session(path, None)
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def _open_saved_model(folder: Path) -> Predict:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    return lambda batch: next(iter(loaded.serve(tf.constant(batch)).values())).numpy()


def _open_keras(file: Path) -> Predict:
    import keras

    import tuning.backbones.googlenet  # noqa: F401 - registers its layer

    model = keras.models.load_model(file)
    return lambda batch: model.predict(batch, verbose=0)
