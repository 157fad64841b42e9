"""The one place that makes sessions: of onnxruntime, or of OpenVINO."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort

from data import Label
from data.labels import from_outputs
from data.messages import one_line
from inference.bundle import BundleInfo
from inference.errors import BundleError
from inference.runtime.machine import default_threads
from inference.runtime.openvino_session import OpenVinoSession
from inference.runtime.providers import NAMES, Provider
from inference.runtime.saturation import saturates

_SUM_TOLERANCE = 1e-3  # of the probabilities of many classes from 1
_OPTIONS: dict[Provider, dict[str, str]] = {"cuda": {"use_tf32": "0"}}  # 10 bits are too few


class Session(Protocol):
    """A model that is open, in any runtime; several threads may use it."""

    def run(self, outputs: Sequence[str], inputs: Mapping[str, np.ndarray]) -> Sequence[Any]:
        """Run the model on its inputs, by name; return the outputs that are named."""
        ...


def open_session(model: Path | bytes, threads: int | None = None) -> ort.InferenceSession:
    """Open an ONNX model in onnxruntime on the CPU, with all graph optimizations on.

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
    name = "the model" if isinstance(model, bytes) else model
    try:
        content = model if isinstance(model, bytes) else model.read_bytes()
        return ort.InferenceSession(content, _options(threads), providers=[NAMES["cpu"]])
    except OSError as error:
        raise BundleError(f"{name} cannot be read: {error.strerror}") from None
    except Exception as error:  # onnxruntime raises a dozen unrelated classes here
        raise BundleError(f"onnxruntime cannot open {name}: {one_line(error, 200)}") from None


def open_with(provider: Provider, content: bytes, threads: int | None = None) -> Session:
    """Open an ONNX model in a runtime that is there.

    Args:
        provider: The runtime.
        content: Content of the ONNX file.
        threads: Number of threads of a run on the CPU; None for the number of physical cores.

    Raises:
        BundleError: The runtime cannot be started or cannot open the model, or the file is not a
            usable ONNX model, see `open_session`.
    """
    if provider == "cpu":
        return open_session(content, threads)
    try:
        if provider == "openvino":
            return _open_in_openvino(content, threads or default_threads())
        return _open_on_device(provider, content, threads)
    except BundleError:
        raise
    except Exception as error:  # as above
        raise BundleError(f"{provider} cannot open the model: {one_line(error, 200)}") from None


def _open_in_openvino(content: bytes, threads: int) -> Session:
    # OpenVINO would read weights from files beside; onnxruntime refuses them, and does no more.
    options = _options(threads)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    ort.InferenceSession(content, options, providers=[NAMES["cpu"]])
    return OpenVinoSession(content, threads)


def _open_on_device(provider: Provider, content: bytes, threads: int | None) -> Session:
    options, name = _options(threads), NAMES[provider]
    options.enable_mem_pattern = provider != "dml"  # DirectML cannot
    wanted = [(name, _OPTIONS.get(provider, {})), NAMES["cpu"]]
    session = ort.InferenceSession(content, options, providers=wanted)
    if name not in session.get_providers():  # onnxruntime goes on without
        raise BundleError(f"{provider} cannot be started here: its driver or libraries are missing")
    return session


def _options(threads: int | None) -> ort.SessionOptions:
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
    return options


def warm_up(session: Session, info: BundleInfo) -> None:
    """Run one black image through, so that the first prediction is as quick as the others.

    Args:
        session: Session of the model.
        info: Facts of the model.

    Raises:
        BundleError: The graph does not have the input and outputs that `info` names, or gives
            anything but the probabilities of the classes for each image.
    """
    classify(session, info, np.zeros((1, info.input.size, info.input.size, 3), np.uint8))


def classify(session: Session, info: BundleInfo, batch: np.ndarray) -> np.ndarray:
    """Run a batch of images through a model.

    Args:
        session: Session of the model.
        info: Facts of the model.
        batch: uint8 RGB [N, size, size, 3], 0..255.

    Returns:
        Calibrated probability of each class of all labels, float64 [N, K], 0..1; see
        `data.labels`.

    Raises:
        BundleError: The graph does not take the images, or gives anything but probabilities.
    """
    labels = info.classes
    try:
        outputs = session.run([label.output for label in info.labels], {info.input.name: batch})
    except Exception as error:
        reason = one_line(error, 200)
        raise BundleError(f"the model does not fit its description: {reason}") from None
    for label, output in zip(labels, outputs, strict=True):
        _check(label, output, len(batch))
    return from_outputs(labels, outputs)


def _check(label: Label, output: object, images: int) -> None:
    """Refuse what are no probabilities of a label's classes."""
    shape, dtype = getattr(output, "shape", None), getattr(output, "dtype", type(output).__name__)
    wanted = (images, label.width)
    allowed = (wanted, wanted[:1]) if label.is_binary else (wanted,)
    if not isinstance(output, np.ndarray) or shape not in allowed or dtype != np.float32:
        raise BundleError(
            f"the model gives {dtype} {list(shape or ())} for {images} images, not float32 "
            f"{list(wanted)} for {label.name}"
        )
    if not ((output >= 0) & (output <= 1)).all():  # refuses NaN as well
        raise BundleError(f"the model gives numbers that are no probabilities for {label.name}")
    if not label.is_binary and np.abs(output.sum(axis=1) - 1).max(initial=0) > _SUM_TOLERANCE:
        raise BundleError(f"the model gives probabilities for {label.name} that are not 1 together")
