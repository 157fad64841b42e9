"""The one place that makes onnxruntime sessions."""

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
import psutil

from inference.bundle import BundleError, BundleInfo


def default_threads() -> int:
    """Return the number of physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, psutil.cpu_count(logical=False) or 1))


def open_session(model: Path | bytes, threads: int | None = None) -> ort.InferenceSession:
    """Open an ONNX file, or its content, on the CPU, all graph optimisations on.

    Threads do not spin while they wait: a server at rest uses no CPU, and decoding beside
    inference is not starved. Raises BundleError if the file is not a usable ONNX model.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors only
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        source = model if isinstance(model, bytes) else str(model)
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen unrelated classes here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        name = "the model" if isinstance(model, bytes) else model
        raise BundleError(f"onnxruntime cannot open {name}: {reason}") from None


def warm_up(session: ort.InferenceSession, info: BundleInfo) -> None:
    """Run one black image through, so that the first answer is as quick as the others.

    Raises BundleError if the graph does not have the input and output that `info` names.
    """
    size = info.input.size
    try:
        session.run([info.output], {info.input.name: np.zeros((1, size, size, 3), np.uint8)})
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise BundleError(f"the model does not fit its description: {reason}") from None
