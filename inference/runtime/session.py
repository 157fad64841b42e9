"""The one place that makes onnxruntime sessions."""

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort

from data.messages import one_line
from inference.bundle import BundleInfo
from inference.errors import BundleError
from inference.runtime.machine import default_threads
from inference.runtime.saturation import saturates


def open_session(model: Path | bytes, threads: int | None = None) -> ort.InferenceSession:
    """Open an ONNX model on the CPU with all graph optimizations on.

    Threads do not spin while they wait: a server at rest uses no CPU, and decoding beside
    inference is not starved. INT8 is exact on every processor.

    Args:
        model: ONNX file, or its content.
        threads: Number of threads of a run; None for the number of physical cores.

    Raises:
        BundleError: The file is not a usable ONNX model, or needs weights from another file,
            which nobody has checked.

    Example:
        >>> open_session(b"no model")
        Traceback (most recent call last):
        inference.errors.BundleError: onnxruntime cannot open the model: ...
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # errors are raised
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "1" if saturates() else "0")
    # No weights lie below a device.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    name = "the model" if isinstance(model, bytes) else model
    try:
        content = model if isinstance(model, bytes) else model.read_bytes()
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise BundleError(f"{name} cannot be read: {error.strerror}") from None
    except Exception as error:  # onnxruntime raises a dozen unrelated classes here
        raise BundleError(f"onnxruntime cannot open {name}: {one_line(error, 200)}") from None


def warm_up(session: ort.InferenceSession, info: BundleInfo) -> None:
    """Run one black image through, so that the first prediction is as quick as the others.

    Args:
        session: Session of the model.
        info: Facts of the model.

    Raises:
        BundleError: The graph does not have the input and output that `info` names, or gives
            anything but a probability for each image.
    """
    classify(session, info, np.zeros((1, info.input.size, info.input.size, 3), np.uint8))


def classify(session: ort.InferenceSession, info: BundleInfo, batch: np.ndarray) -> np.ndarray:
    """Run a batch of images through a model.

    Args:
        session: Session of the model.
        info: Facts of the model.
        batch: uint8 RGB [N, size, size, 3], 0..255.

    Returns:
        p_man, float32 [N], 0..1.

    Raises:
        BundleError: The graph does not take the images, or gives anything but probabilities.
    """
    try:
        [output] = session.run([info.output], {info.input.name: batch})
    except Exception as error:
        reason = one_line(error, 200)
        raise BundleError(f"the model does not fit its description: {reason}") from None
    shape, dtype = getattr(output, "shape", None), getattr(output, "dtype", type(output).__name__)
    if shape not in ((len(batch), 1), (len(batch),)) or dtype != np.float32:
        raise BundleError(
            f"the model gives {dtype} {list(shape or ())} for {len(batch)} images, not float32 "
            f"[{len(batch)}, 1]"
        )
    second = output.reshape(-1)
    if not ((second >= 0) & (second <= 1)).all():  # refuses NaN as well
        raise BundleError("the model gives numbers that are no probabilities")
    return second if info.labels[1] == "man" else 1 - second
