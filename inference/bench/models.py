"""Time the exported models side by side, so that the figures compare."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
from rich.table import Table

from inference.bundle import Bundle, ModelFile, Precision, find, read_index
from inference.errors import BundleError
from inference.runtime.machine import default_threads, processor
from inference.runtime.self_check import open_way, ways_to_run
from inference.runtime.session import classify
from inference.runtime.timing import interleaved

AT_EXPORT = "at export"

_log = logging.getLogger(__name__)

_Predict = Callable[[np.ndarray], object]


@dataclass(frozen=True)
class ModelTiming:
    """How fast one model is in one precision and runtime.

    Attributes:
        backbone: Name of the model.
        precision: Precision of the model's weights, "int8" or "fp32".
        runtime: "onnxruntime" for its CPU, another one of `inference.runtime.providers`, or a form
            of TensorFlow that `make export` timed.
        accuracy: Share of correct predictions on the test split; None if the bundle has none.
        megabytes: Size of the model on disk in 10^6 bytes.
        latency_ms: Milliseconds for one image, the median over the rounds.
        throughput: Images a second in batches, by the median over the rounds.

    Example:
        >>> timing = ModelTiming("vgg16", "int8", "onnxruntime", 0.971, 14.9, 8.04, 160.2)
        >>> timing.cells()
        ['vgg16', 'int8', 'onnxruntime', '97.1%', '14.9', '8.0', '160']
    """

    backbone: str
    precision: Precision
    runtime: str
    accuracy: float | None
    megabytes: float
    latency_ms: float
    throughput: float

    def cells(self) -> list[str]:
        """Return the figures as text, in the order of the report's columns."""
        accuracy = "" if self.accuracy is None else f"{self.accuracy:.1%}"
        figures = (f"{self.megabytes:.1f}", f"{self.latency_ms:.1f}", f"{self.throughput:.0f}")
        return [self.backbone, self.precision, self.runtime, accuracy, *figures]


@dataclass(frozen=True)
class ModelReport:
    """What was timed, and on which machine.

    Attributes:
        processor: Name of the processor with its instruction set.
        threads: Number of threads of a run.
        onnxruntime: Version of onnxruntime, such as "1.23.0".
        batch_size: Number of images at once for the throughput.
        rounds: Number of timed rounds.
        timings: A timing for each model, precision and runtime.

    Example:
        >>> report = ModelReport("Xeon", 2, "1.23.0", batch_size=16, rounds=9, timings=[])
        >>> report.to_dict()["batch"], report.table().title
        (16, 'Xeon, 2 threads, onnxruntime 1.23.0')
    """

    processor: str
    threads: int
    onnxruntime: str
    batch_size: int
    rounds: int
    timings: list[ModelTiming]

    def to_dict(self) -> dict[str, object]:
        """Return the report for JSON, by the names that scripts read."""
        facts = asdict(self)
        return facts | {"batch": facts.pop("batch_size"), "rows": facts.pop("timings")}

    def table(self) -> Table:
        """Return the report for the terminal."""
        table = Table(
            title=f"{self.processor}, {self.threads} threads, onnxruntime {self.onnxruntime}",
            caption=f"medians of {self.rounds} interleaved rounds; {AT_EXPORT}: by make export",
        )
        for head in ("model", "precision", "runtime"):
            table.add_column(head)
        throughput = f"images/s at batch {self.batch_size}"
        for head in ("test accuracy", "MB", "ms an image", throughput):
            table.add_column(head, justify="right")
        for timing in self.timings:
            table.add_row(*timing.cells())
        return table


@dataclass(frozen=True)
class _Candidate:
    """A model in one precision and runtime, loaded and not yet timed."""

    bundle: Bundle
    precision: Precision
    runtime: str
    predict: _Predict

    def call(self, images: int) -> Callable[[], object]:
        """Return what runs the model on so many images of noise."""
        size = self.bundle.info.input.size
        pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3), np.uint8)
        return lambda: self.predict(pixels)


def bench(
    models: Path, backbone: str | None, threads: int | None, rounds: int, batch_size: int
) -> ModelReport:
    """Time the exported models in turn, in each runtime (see `inference.runtime.providers`).

    A form that cannot be served on this machine is left out with a warning in the log. What
    `make export` timed in TensorFlow, which is not installed for serving, stands beside.

    Args:
        models: Folder that `make export` wrote.
        backbone: Name of the one model to time; None for all.
        threads: Number of threads of a run; None for the number of physical cores.
        rounds: Number of timed rounds, at least 1.
        batch_size: Number of images at once for the throughput, at least 1.

    Raises:
        BundleError: There is no model that can be served.
    """
    names = [backbone] if backbone else read_index(models).bundles
    bundles = [find(models, name) for name in names]
    candidates = [one for bundle in bundles for one in _candidates(bundle, threads)]
    if not candidates:
        raise BundleError(f"no model in {models} can be served here")
    timings = _timed(candidates, rounds, batch_size)
    timings += [timing for bundle in bundles for timing in _at_export(bundle)]
    machine = (processor(), threads or default_threads(), ort.__version__)
    return ModelReport(*machine, batch_size, rounds, timings)


def _candidates(bundle: Bundle, threads: int | None) -> list[_Candidate]:
    candidates = []
    for way in sorted(ways_to_run(bundle), key=lambda way: way.precision == "fp32"):
        try:
            session = open_way(bundle, way, threads)
        except BundleError as error:
            _log.warning("left out: %s", error)
            continue
        runtime = "onnxruntime" if way.provider == "cpu" else way.provider
        predict = partial(classify, session, bundle.info)
        candidates.append(_Candidate(bundle, way.precision, runtime, predict))
    return candidates


def _timed(candidates: list[_Candidate], rounds: int, batch_size: int) -> list[ModelTiming]:
    single, batched = (
        interleaved({index: one.call(images) for index, one in enumerate(candidates)}, rounds)
        for images in (1, batch_size)
    )
    return [
        _timing(
            one.bundle,
            one.precision,
            one.runtime,
            one.bundle.info.formats[one.precision],
            (single[index] * 1e3, batch_size / batched[index]),
        )
        for index, one in enumerate(candidates)
    ]


def _at_export(bundle: Bundle) -> list[ModelTiming]:
    speed, file = bundle.info.speed, bundle.info.formats.get("saved_model")
    if not speed or not file:
        return []
    return [
        _timing(bundle, "fp32", f"{name}, {AT_EXPORT}", file, (one.latency_ms, one.throughput))
        for name, one in speed.timings.items()
        if name in ("keras", "saved_model")
    ]


def _timing(
    bundle: Bundle, precision: Precision, runtime: str, file: ModelFile, speed: tuple[float, float]
) -> ModelTiming:
    """Put together a model's facts and its speed: latency in ms, images a second."""
    size = file.bytes / 1e6
    return ModelTiming(bundle.info.backbone, precision, runtime, file.accuracy, size, *speed)
