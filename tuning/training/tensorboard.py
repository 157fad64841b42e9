"""TensorBoard logs of a training's epochs."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from tuning.runs.schema import Epoch
from tuning.training.early_stopping import OnEpoch


def logger(folder: Path) -> OnEpoch:
    """Make a function that writes each epoch's figures to a TensorBoard log.

    Args:
        folder: Folder of the log.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> log = logger(folder)
        >>> log(Epoch(epoch=1, seconds=1.0, loss=0.5, val_accuracy=0.8, val_auc=0.9, val_brier=0.1,
        ...           val_loss=0.4), 5)
        >>> len(list(folder.iterdir()))
        1
    """
    writer = tf.summary.create_file_writer(str(folder))

    def log(epoch: Epoch, _: int) -> None:
        with writer.as_default():
            for name, value in epoch.model_dump().items():
                tf.summary.scalar(name, value, step=epoch.epoch)
        writer.flush()

    return log
