"""INT8 ONNX by onnxruntime's static quantization, with recipes the quickest first.

Activations are uint8, weights int8 per output channel, in QDQ form. The preprocessing before the
first convolution, the pooling and the head behind it stay float: they take almost no time, and
the prediction depends on them most.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    qdq_loss_debug,
    quant_pre_process,
    quantize_static,
)

from data.rows import Rows
from export.convert import finish
from export.graph_rewrites import WINDOW_SUM
from tuning.backbones.transfer_model import INPUT_NAME

CALIBRATION_IMAGES = 256
_BATCH = 16  # all activations of a batch are held in memory while ranges are taken
_PROBE = 16  # images on which the noise of each layer is measured
_PERCENTILE = 99.999
_OPERATORS = ["Conv", "Relu", "MaxPool", "Add", "Concat", "Pad"]
_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
}


@dataclass(frozen=True)
class Recipe:
    """One way to quantize.

    Attributes:
        method: How the range of an activation is taken from calibration images.
        float_ends: Number of convolutions at each end of the graph that stay float.
        float_noisy: Share of all convolutions that stay float besides, 0..1, those with the
            noisiest outputs.

    Example:
        >>> print(Recipe("minmax", float_ends=1, float_noisy=1 / 8))
        minmax, 1 at each end in float, noisiest 12.5% in float
    """

    method: Literal["minmax", "percentile"]
    float_ends: int = 0
    float_noisy: float = 0.0

    def __str__(self) -> str:
        method = f"percentile {_PERCENTILE}" if self.method == "percentile" else self.method
        ends = f", {self.float_ends} at each end in float" if self.float_ends else ""
        noisy = f", noisiest {self.float_noisy:.1%} in float" if self.float_noisy else ""
        return method + ends + noisy


# Those first that pass most often for the time they take: ranges by minmax are taken in a few
# seconds and serve three recipes, percentiles take twice as long. Tried on the five backbones and
# not kept: entropy (three times as long, and the most decisions changed); weights of 7 bits, which
# saturate nowhere and need a fifth fewer instructions on AVX2, but change twice as many decisions
# (13, 20 and 16 of 750 for ResNet50, ResNet101 and GoogLeNet, where 7 may); uint8 weights, which is
# what onnxruntime makes of int8 where sums saturate; int8 activations (25 of 750, and slower).
RECIPES = (
    Recipe("minmax"),
    Recipe("minmax", float_ends=1),
    Recipe("minmax", float_ends=1, float_noisy=1 / 8),
    Recipe("percentile"),
    Recipe("percentile", float_ends=1, float_noisy=1 / 8),
    Recipe("percentile", float_ends=2, float_noisy=1 / 4),
)


class Quantizer:
    """Quantizes one model by any recipe; ranges are taken once for each method.

    Args:
        model: ONNX file, from `export.convert.to_onnx`.
        images: Images, uint8 RGB [N, s, s, 3].
        rows: Indices of the training images to calibrate on, int [n].
        scratch: Folder for intermediate files.

    Raises:
        ValueError: There are no images to calibrate on.
    """

    def __init__(self, model: Path, images: Rows, rows: np.ndarray, scratch: Path) -> None:
        if not len(rows):
            raise ValueError("quantization needs at least one image to calibrate on")
        self._images = images
        self._rows = rows
        self._scratch = scratch
        self._metadata = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
        self._model = scratch / "prepared.onnx"
        # onnx's shape inference is enough here; the symbolic one would need sympy.
        quant_pre_process(str(model), str(self._model), skip_symbolic_shape=True)
        prepared = onnx.load(self._model)
        _give_each_its_own_weights(prepared.graph)
        onnx.save(prepared, self._model)
        nodes = prepared.graph.node
        sums = [node.name for node in nodes if WINDOW_SUM in node.output[0]]
        layers = [node for node in nodes if node.op_type == "Conv" and node.name not in sums]
        self._convolutions = layers
        self._always_float = [*_outside_trunk(nodes), *sums]
        self._noisiest: list[str] | None = None

    def quantize(self, recipe: Recipe, path: Path) -> None:
        """Write the INT8 model of a recipe, the same bytes each time.

        Args:
            recipe: Recipe by which ranges are taken and layers stay float.
            path: Path of the ONNX file, replaced if it is there.
        """
        names = [node.name for node in self._convolutions]
        kept = {*names[: recipe.float_ends], *names[len(names) - recipe.float_ends :]}
        if recipe.float_noisy:
            noisy = [name for name in self._noise() if name not in kept]
            kept |= set(noisy[: ceil(recipe.float_noisy * len(names))])
        self._write(recipe.method, [*self._always_float, *sorted(kept)], path)

    def _write(self, method: str, kept_float: list[str], path: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self._quantize_static(method, kept_float, path)
        model = onnx.load(path)
        finish(model, self._metadata)
        onnx.save(model, path)

    def _quantize_static(self, method: str, kept_float: list[str], path: Path) -> None:
        quantize_static(
            str(self._model),
            str(path),
            _Reader(self._images, self._rows),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept_float,
            calibrate_method=_METHODS[method],
            extra_options={
                "CalibStridedMinMax": 1,  # batch by batch, whatever the method
                "CalibTensorRangeSymmetric": False,
                "CalibPercentile": _PERCENTILE,
            },
            calibration_cache_path=self._scratch / f"{method}.json",
        )

    def _noise(self) -> list[str]:
        """Names of the convolutions, the one first whose output suffers most from being uint8."""
        if self._noisiest is None:
            ratio = self._signal_to_noise()
            ranked = sorted(self._convolutions, key=lambda node: ratio.get(node.output[0], np.inf))
            self._noisiest = [node.name for node in ranked]
        return self._noisiest

    def _signal_to_noise(self) -> dict[str, float]:
        """By activation, decibels between the quantized and the float model."""
        quantized = self._scratch / "all.int8.onnx"
        self._write("minmax", self._always_float, quantized)
        activations = []
        for model in (quantized, self._model):
            opened = self._scratch / f"{model.stem}.opened.onnx"
            qdq_loss_debug.modify_model_output_intermediate_tensors(str(model), str(opened))
            reader = _Reader(self._images, self._rows[:_PROBE])
            activations.append(qdq_loss_debug.collect_activations(str(opened), reader))
        matched = qdq_loss_debug.create_activation_matching(*activations)
        errors = qdq_loss_debug.compute_activation_error(matched)
        ratios = {name: error.get("xmodel_err", np.nan) for name, error in errors.items()}
        # A convolution that gives nothing but zeros has no signal, and no noise that counts.
        return {name: ratio for name, ratio in ratios.items() if np.isfinite(ratio)}


class _Reader(CalibrationDataReader):
    """Batches of images for onnxruntime, read when they are wanted: memory does not grow."""

    def __init__(self, images: Rows, rows: np.ndarray) -> None:
        self._images = images
        self._batches = np.array_split(rows, -(-len(rows) // _BATCH))
        self.set_range(0, len(self))

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Go on with these batches."""
        self._todo = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch by the name of the input, None after the last."""
        rows = next(self._todo, None)
        return None if rows is None else {INPUT_NAME: self._images[np.sort(rows)]}


def _give_each_its_own_weights(graph: onnx.GraphProto) -> None:
    """Copy weights that several convolutions share, as the conversion joins equal ones.

    Where INT8 sums saturate onnxruntime turns the weights of each convolution into uint8 under a
    name made from theirs, and refuses to open the model when that is taken.
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    taken: set[str] = set()
    for number, node in enumerate(graph.node):
        if node.op_type != "Conv":
            continue
        for index, name in enumerate(node.input):
            if name in taken:
                copy = onnx.TensorProto()
                copy.CopyFrom(weights[name])
                copy.name = node.input[index] = f"{name}.{number}"
                graph.initializer.append(copy)
            elif name in weights:
                taken.add(name)


def _outside_trunk(nodes: Sequence[onnx.NodeProto]) -> Iterator[str]:
    """Names of the nodes before the first convolution, and of the head: from its root's sum on."""
    kinds = [node.op_type for node in nodes]
    root = max(at for at, kind in enumerate(kinds) if kind == "Sqrt")
    offset = [node.output[0] for node in nodes].index(nodes[root].input[0])
    yield from (node.name for node in (*nodes[: kinds.index("Conv")], *nodes[offset:]))
