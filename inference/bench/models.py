"""Time the exported models side by side, so that the figures compare."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime as ort
from rich.table import Table

from inference.bundle import Bundle, BundleError, Precision, find, read_index
from inference.classifier import Classifier
from inference.runtime.machine import default_threads, processor
from inference.runtime.timing import interleaved

AT_EXPORT = "at export"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One model in one precision and runtime: medians over the rounds."""

    backbone: str
    precision: Precision
    runtime: str
    accuracy: float | None
    megabytes: float
    latency_ms: float
    throughput: float


@dataclass(frozen=True)
class Report:
    """The table, and the machine that it holds for."""

    processor: str
    threads: int
    onnxruntime: str
    batch: int
    rounds: int
    rows: list[Row]

    def table(self) -> Table:
        """Return the report for the terminal."""
        table = Table(
            title=f"{self.processor}, {self.threads} threads, onnxruntime {self.onnxruntime}",
            caption=f"medians of {self.rounds} interleaved rounds; {AT_EXPORT}: by make export",
        )
        for head in ("model", "precision", "runtime"):
            table.add_column(head)
        heads = ("test accuracy", "MB", "ms an image", f"images/s at batch {self.batch}")
        for head in heads:
            table.add_column(head, justify="right")
        for row in self.rows:
            accuracy = "" if row.accuracy is None else f"{row.accuracy:.1%}"
            figures = (f"{row.megabytes:.1f}", f"{row.latency_ms:.1f}", f"{row.throughput:.0f}")
            table.add_row(row.backbone, row.precision, row.runtime, accuracy, *figures)
        return table


_Run = tuple[str, Precision, str]  # backbone, precision, runtime


def bench(
    models: Path, backbone: str | None, threads: int | None, rounds: int, batch: int
) -> Report:
    """Measure latency at batch 1 and throughput at `batch` of the exported models.

    OpenVINO runs the same files beside onnxruntime if it is installed.

    `backbone` left out measures all; a form that cannot be served here is left out with a warning.
    Raises BundleError if there are none.
    """
    names = [backbone] if backbone else read_index(models).bundles
    bundles = {name: find(models, name) for name in names}
    runs: dict[_Run, Callable[[np.ndarray], object]] = {}
    for name, bundle in bundles.items():
        for precision in bundle.precisions():
            try:
                classifier = Classifier.load(models, name, precision, threads)
            except BundleError as error:
                _log.warning("left out: %s", error)
                continue
            runs[name, precision, "onnxruntime"] = classifier.classify
            if find_spec("openvino"):
                path = bundle.verified(precision)
                runs[name, precision, "openvino"] = _openvino(path, threads or default_threads())
    if not runs:
        raise BundleError(f"no model in {models} can be served here")
    latency, slow = (
        interleaved({key: _call(run, bundles[key[0]], n) for key, run in runs.items()}, rounds)
        for n in (1, batch)
    )
    rows = []
    for key in runs:
        form = bundles[key[0]].info.formats[key[1]]
        speed = (latency[key] * 1e3, batch / slow[key])
        rows.append(Row(*key, form.accuracy, form.bytes / 1e6, *speed))
    for bundle in bundles.values():
        rows += _at_export(bundle)
    return Report(processor(), threads or default_threads(), ort.__version__, batch, rounds, rows)


def _openvino(path: Path, threads: int) -> Callable[[np.ndarray], object]:
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    return lambda pixels: request.infer([pixels])


def _at_export(bundle: Bundle) -> list[Row]:
    """Return what `make export` measured in TensorFlow, which is not installed for serving."""
    speed, form = bundle.info.speed, bundle.info.formats.get("saved_model")
    if not speed or not form:
        return []
    return [
        Row(
            bundle.info.backbone,
            "fp32",
            f"{name}, {AT_EXPORT}",
            form.accuracy,
            form.bytes / 1e6,
            speed.timings[name].latency_ms,
            speed.timings[name].throughput,
        )
        for name in ("keras", "saved_model")
        if name in speed.timings
    ]


def _call(run: Callable[[np.ndarray], object], bundle: Bundle, images: int) -> Callable[[], object]:
    size = bundle.info.input.size
    pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3), np.uint8)
    return lambda: run(pixels)
