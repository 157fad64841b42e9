"""TensorBoard logs of a training's epochs."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from tuning.runs.schema import Epoch
from tuning.training.early_stopping import OnEpoch


def logger(folder: Path) -> OnEpoch:
    """A function that writes each epoch's figures to `folder`."""
    writer = tf.summary.create_file_writer(str(folder))

    def log(epoch: Epoch, _: int) -> None:
        with writer.as_default():
            for name, value in epoch.model_dump().items():
                tf.summary.scalar(name, value, step=epoch.epoch)
        writer.flush()

    return log
