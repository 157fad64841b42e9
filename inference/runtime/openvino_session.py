"""OpenVINO behind the one method of onnxruntime's sessions that is used here."""

import sys
from collections.abc import Mapping, Sequence
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np


class OpenVinoSession:
    """An ONNX model compiled by OpenVINO for the CPU; several threads may use it, one at a time.

    OpenVINO reads the ONNX file itself: an IR made of it gives the same bits at the same speed
    (docs/decisions/37-runtimes.md). It may not compute in bfloat16, as it would by itself where
    the processor can, for that moves probabilities by up to 0.03.

    Args:
        content: ONNX file without weights in other files, which OpenVINO would read unchecked.
        threads: Number of threads of a run.

    Raises:
        RuntimeError: OpenVINO cannot read or compile it.
        ImportError: OpenVINO is not installed, or not for this machine.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        core = _openvino().Core()
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,  # processes that are pinned to the same cores wait
        }
        compiled = core.compile_model(core.read_model(content), "CPU", settings)
        self._request: Any = compiled.create_infer_request()
        self._running = Lock()

    def run(self, outputs: Sequence[str], inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Run the model.

        Args:
            outputs: Names of the outputs that are wanted.
            inputs: Array of each input by its name.

        Returns:
            The outputs in that order.

        Raises:
            KeyError: The model has no output of a name.
            RuntimeError: The model does not take the inputs.
        """
        with self._running:
            given = self._request.infer(dict(inputs))
        return [given[name] for name in outputs]


def _openvino() -> ModuleType:
    """Import OpenVINO without what reports to its makers that it was imported.

    Its package sends an event to Google Analytics at each import unless openvino_telemetry is
    missing. This program sends nothing anywhere.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
