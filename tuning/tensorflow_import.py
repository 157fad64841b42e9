"""The import of TensorFlow and what every process sets before it: notices, memory, arithmetic."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def import_tensorflow(gpus: bool = True) -> None:
    """Import TensorFlow with standard error closed to it, and select it as Keras's backend.

    It convolves by oneDNN, unless TF_ENABLE_ONEDNN_OPTS says otherwise: on processors without
    AVX-512 TensorFlow leaves it off, and takes longer.

    On GPUs it takes memory as it needs it, so that several processes may share one, and multiplies
    float32 as such: not in TensorFloat-32, whose 10 bits would part a winner from its exports.

    Args:
        gpus: Whether TensorFlow sees the GPUs that CUDA_VISIBLE_DEVICES leaves to the process.

    Raises:
        ImportError: TensorFlow is not installed, or cannot be loaded.

    Example:
        >>> import_tensorflow()
        >>> import keras
        >>> keras.backend.backend()
        'tensorflow'
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Left off on processors without AVX-512, where training takes two to three times as long.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
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
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    if not gpus:
        tensorflow.config.set_visible_devices([], "GPU")
