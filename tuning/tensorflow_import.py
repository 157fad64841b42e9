"""The import of TensorFlow, without the notices that its C++ part prints."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def import_tensorflow() -> None:
    """Import TensorFlow with standard error closed to it, and select it as Keras's backend.

    Raises:
        ImportError: TensorFlow is not installed, or cannot be loaded.

    Example:
        >>> import_tensorflow()
        >>> import keras
        >>> keras.backend.backend()
        'tensorflow'
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow
    finally:
        os.dup2(saved, 2)
        os.close(saved)
    tensorflow.get_logger().setLevel("ERROR")
