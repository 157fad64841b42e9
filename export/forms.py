"""The forms of a model (Keras, SavedModel, ONNX in fp32 and INT8), each a function of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from data import Label
from data.labels import by_output, from_outputs
from data.progress import ProgressCallback
from data.rows import Rows
from inference.bundle import FormatName
from inference.runtime.session import open_session
from tuning.image_batches import map_batches

if TYPE_CHECKING:
    import keras

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
"""uint8 RGB [n, s, s, 3] -> class probabilities of all labels, float64 [n, K]."""

_Run = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""uint8 RGB [n, s, s, 3] -> the graph's outputs by name, see `Label.output`."""


@dataclass(frozen=True)
class Form:
    """A model in one form, open.

    Attributes:
        name: Name of the form.
        path: File or folder that it was opened from.
        predict: Function that runs it on a batch of images.

    Example:
        >>> form = Form("fp32", Path("model.onnx"), lambda batch: np.full((len(batch), 2), 0.5))
        >>> form.title, form.predict(np.zeros((3, 8, 8, 3), np.uint8)).shape
        ('ONNX fp32', (3, 2))
    """

    name: FormName
    path: Path
    predict: Predict

    @classmethod
    def open(cls, name: FormName, path: Path, labels: Sequence[Label]) -> Self:
        """Open a model in its form.

        Args:
            name: Name of the form.
            path: File or folder of the model.
            labels: The labels of the model.

        Raises:
            OSError: The file or folder cannot be read.
        """
        openers: dict[FormName, Callable[[Path, Sequence[Label]], _Run]] = {
            "keras": _open_keras,
            "saved_model": _open_saved_model,
        }
        return cls(name, path, _predicting(openers.get(name, _open_onnx)(path, labels), labels))

    @classmethod
    def of_keras(cls, path: Path, classifier: keras.Model, labels: Sequence[Label]) -> Self:
        """Take a Keras model that is open.

        Args:
            path: File that it was loaded from.
            classifier: The model.
            labels: The labels of the model.
        """
        return cls("keras", path, _predicting(_running(classifier, labels), labels))

    @property
    def title(self) -> str:
        """Name of the form as people write it."""
        return TITLES[self.name]


def in_batches(
    predict: Predict,
    images: Rows,
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
        Class probabilities of these images, float [n, K].

    Example:
        >>> images = np.zeros((3, 8, 8, 3), np.uint8)
        >>> images[1] = 255
        >>> brightness = lambda batch: batch.mean(axis=(1, 2, 3))[:, None] / 255 * [-1, 1] + [1, 0]
        >>> in_batches(brightness, images, np.array([1, 2])).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    return np.concatenate(list(map_batches(predict, images, rows, BATCH_SIZE, on_progress)))


def _predicting(run: _Run, labels: Sequence[Label]) -> Predict:
    def predict(batch: np.ndarray) -> np.ndarray:
        outputs = run(batch)
        return from_outputs(labels, [outputs[label.output] for label in labels])

    return predict


def _open_onnx(path: Path, labels: Sequence[Label]) -> _Run:
    session = open_session(path, None)
    given, wanted = session.get_inputs()[0].name, [label.output for label in labels]
    return lambda batch: dict(zip(wanted, session.run(wanted, {given: batch}), strict=True))


def _open_saved_model(folder: Path, labels: Sequence[Label]) -> _Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))

    def run(batch: np.ndarray) -> dict[str, np.ndarray]:
        outputs = loaded.serve(tf.constant(batch))
        return {label.output: outputs[label.output].numpy() for label in labels}

    return run


def _open_keras(file: Path, labels: Sequence[Label]) -> _Run:
    import keras

    import tuning.backbones.googlenet  # noqa: F401 - registers its layer

    return _running(keras.models.load_model(file), labels)


def _running(classifier: keras.Model, labels: Sequence[Label]) -> _Run:
    return lambda batch: by_output(labels, classifier.predict(batch, verbose=0))
