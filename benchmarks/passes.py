"""How fast images pass a frozen trunk: by TensorFlow, folded and as trained, and by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from time import process_time
from typing import Any

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from rich.table import Table

from data import GENDER
from export.convert import OPSET
from export.graph_rewrites import rewrite
from export.onnx_graph import to_model
from inference.runtime.machine import processor
from tuning.backbones.folding import folded
from tuning.backbones.operations import gmacs_of
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import INPUT_NAME, TransferModel
from tuning.backbones.weights import load
from tuning.runs.settings import Settings
from tuning.trunk.forward_pass import compiled

_TIMES = 5  # of each way, in turn
_WAYS = ("TensorFlow", "as trained", "onnxruntime")

Forward = Callable[[np.ndarray], object]


@dataclass(frozen=True)
class PassSpeed:
    """A pass through a trunk.

    Attributes:
        backbone: Name of the backbone.
        cut: Number of stages that the images pass.
        batch_size: Number of images at once.
        gmacs: Billions of multiplications and additions for one image.
        milliseconds: Processor time for one image of each way: TensorFlow with batch normalization
            folded, as passes are made, TensorFlow without that, and onnxruntime.
    """

    backbone: str
    cut: int
    batch_size: int
    gmacs: float
    milliseconds: dict[str, float]

    @property
    def ratio(self) -> float:
        """How often faster onnxruntime is than TensorFlow."""
        return self.milliseconds["TensorFlow"] / self.milliseconds["onnxruntime"]


def run(settings: Settings, batch_sizes: Sequence[int] = (8, 32, 128)) -> list[PassSpeed]:
    """Time passes to the first cut behind which heads are tried, and through the whole trunk.

    It is the processor time of all threads, which other processes hardly change.

    Args:
        settings: Backbones, side of the images, weights and seed.
        batch_sizes: Numbers of images at once.

    Raises:
        WeightsError: The pretrained weights can't be had.
    """
    return [speed for name in settings.backbones for speed in _speeds(settings, name, batch_sizes)]


def table(settings: Settings, speeds: Iterable[PassSpeed], peak: float) -> Table:
    """Show the times, and how far from the processor's best they are.

    Args:
        settings: What was measured.
        speeds: The passes.
        peak: Product of matrices, GMAC/s of one core.
    """
    title = f"Passes of {settings.size} px on {processor()}, a core's time"
    shown = Table(
        "backbone", "stages", "batch", "GMAC an image", *(f"{way}, ms" for way in _WAYS),
        "TensorFlow, GMAC/s", "onnxruntime, times as fast", title=title,
        caption=f"A product of matrices reaches {peak:.0f} GMAC/s.",
    )  # fmt: skip
    for speed in speeds:
        shown.add_row(
            BACKBONES[speed.backbone].title,
            *map(str, (speed.cut, speed.batch_size)),
            f"{speed.gmacs:.2f}",
            *(f"{speed.milliseconds[way]:.1f}" for way in _WAYS),
            f"{1e3 * speed.gmacs / speed.milliseconds['TensorFlow']:.0f}",
            f"{speed.ratio:.2f}",
        )
    return shown


def content(settings: Settings, speeds: Iterable[PassSpeed], peak: float) -> dict[str, Any]:
    """Return all figures for JSON.

    Args:
        settings: What was measured.
        speeds: The passes.
        peak: Product of matrices, GMAC/s of one core.
    """
    return {
        "processor": processor(),
        "size": settings.size,
        "peak_gmacs": peak,
        "passes": [asdict(speed) | {"ratio": speed.ratio} for speed in speeds],
    }


def core_peak(side: int = 2048) -> float:
    """Measure the product of two float32 matrices by TensorFlow.

    Args:
        side: Number of rows and columns of both.

    Returns:
        Billions of multiplications, each with its addition, in a second of processor time.

    Example:
        >>> core_peak(side=64) > 0
        True
    """
    left, right = np.random.default_rng(0).random((2, side, side), dtype=np.float32)
    times = _times({"product": lambda _: tf.linalg.matmul(left, right).numpy()}, left)
    return side**3 / times["product"] / 1e9


def _speeds(settings: Settings, name: str, batch_sizes: Sequence[int]) -> Iterator[PassSpeed]:
    backbone = BACKBONES[name]
    model = TransferModel(backbone, settings.size, load(backbone, settings.weights, settings.seed))
    for cut in (backbone.attach[0], len(backbone.stages)):
        trunk, ways = model.trunk([cut]), _ways(model, cut)
        for batch_size in batch_sizes:
            times = _times(ways, _pixels(batch_size, settings.size))
            milliseconds = {way: 1e3 * spent / batch_size for way, spent in times.items()}
            yield PassSpeed(name, cut, batch_size, gmacs_of(trunk), milliseconds)


def _ways(model: TransferModel, cut: int) -> dict[str, Forward]:
    trunk = model.trunk([cut])
    forwards = (compiled(folded(trunk, model.weights.layers)), compiled(trunk), _session(trunk))
    return dict(zip(_WAYS, forwards, strict=True))


def _session(trunk: keras.Model) -> Forward:
    """Convert a trunk as winners are, with its activation as the only label's output."""
    model = to_model(keras.Model(trunk.input, trunk.outputs[0]), [GENDER], OPSET)
    rewrite(model.graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # no warnings about constants that nothing uses
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda batch: session.run(None, {INPUT_NAME: batch})


def _pixels(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def _times(ways: dict[str, Forward], batch: np.ndarray) -> dict[str, float]:
    """Median processor time of each way, seconds; they alternate."""
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for forward in ways.values():
        forward(batch)  # traces, and takes memory
    for _ in range(_TIMES):
        for way, forward in ways.items():
            started = process_time()
            forward(batch)
            spent[way].append(process_time() - started)
    return {way: median(times) for way, times in spent.items()}
