"""What plain Keras Tuner is asked for, and what came of it: files between two processes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

SPLITS = ("train", "val", "test")
"""Splits whose images are handed over."""

COMPUTING = (
    "TF_ENABLE_", "TF_NUM_", "TF_XLA_", "TF_SET_", "OMP_", "KMP_", "ONEDNN_", "DNNL_", "XLA_",
    "MKL_", "OPENBLAS_",
)  # fmt: skip
"""What variables of the environment begin with that change how TensorFlow computes."""

Tuner = Literal["bayesian", "random"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class PlainTask(_Record):
    """One search by plain Keras Tuner.

    Attributes:
        images: NumPy archive of each split's images, uint8 [n, size, size, 3], and codes, int [n].
        size: Side of the images, pixels.
        classes: Number of classes of the label.
        backbone: Name of the backbone.
        weights: Source of its pretrained weights, as of `Settings.weights`.
        policy: Keras dtype policy.
        tuner: Keras Tuner's algorithm.
        seed: Seed of everything random.
        seconds: Time from the start of the process on.
        own_defaults: Whether TensorFlow is imported as it is, without the project's variables.
        folder: Folder for what Keras Tuner and the search write.

    Example:
        >>> task = PlainTask(
        ...     images=Path("images.npz"), size=96, classes=2, backbone="vgg16",
        ...     weights="none", policy="float32", tuner="bayesian", seed=0, seconds=60,
        ...     folder=Path("plain"),
        ... )
        >>> task.result.name
        'result.json'
    """

    images: Path
    size: int
    classes: int
    backbone: str
    weights: str
    policy: str
    tuner: Tuner
    seed: int
    seconds: float
    own_defaults: bool = False
    folder: Path

    @property
    def result(self) -> Path:
        """JSON of what came of it, see `PlainResult`."""
        return self.folder / "result.json"

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read the images and codes of a split.

        Args:
            name: Name of the split.
        """
        with np.load(self.images) as archive:
            return archive[name], archive[f"{name}_codes"]


class Improvement(_Record):
    """An epoch that was better than all before, of all trials.

    Attributes:
        seconds: Seconds from the start of the process until its end.
        trial: Keras Tuner's identifier of the trial.
        epoch: Number of the epoch in its trial, from 1.
        values: Hyperparameters of the trial.
        val_accuracy: Accuracy on validation images, 0..1.
        test_accuracy: Accuracy on test images of its weights, 0..1; scored when the time was over.
    """

    seconds: float
    trial: str
    epoch: int
    values: dict[str, int | float]
    val_accuracy: float
    test_accuracy: float = 0.0


class PlainResult(_Record):
    """What a search came to.

    Attributes:
        variables: Variables of the environment that change how TensorFlow computes.
        trials: Number of trials that were begun.
        epochs: Number of epochs of all trials.
        seconds: Seconds from the start of the process until the search ended.
        noted: Seconds that were taken out of the time, for keeping weights to score later.
        improvements: Epochs that were better than all before, in order.
    """

    variables: dict[str, str]
    trials: int
    epochs: int
    seconds: float
    noted: float
    improvements: tuple[Improvement, ...]
