"""A pretrained backbone with a head behind any of its stages: frozen trunk, trainable tail."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import keras
from keras import layers

from data import Label
from data.labels import output_slices
from tuning.backbones.head_features import ROOT_OFFSET, STANDARDIZE, FeatureStatistics
from tuning.backbones.registry import MAX_SIZE, MIN_SIZE, Backbone
from tuning.backbones.weights import Weights
from tuning.runs.schema import Calibration

INPUT_NAME = "image"
HEAD = "head"
"""Name of the head within a classifier."""

_MOST_FEATURES = 80_000  # of a head: more cost memory
_FINEST_GRID = 16  # finer ones gain nothing


@dataclass(frozen=True)
class HeadConfig:
    """The classifier behind a stage of a backbone.

    Attributes:
        stages: Number of stages in front of the head.
        grid: Number of fields along each side over which the head averages.
        units: Width of the hidden layer, 0 for none.
        dropout: Dropout rate before each dense layer, 0..1.
        statistics: Statistics by which the features are standardized.
        bias: Bias of each logit, of all labels together, with which the training starts.
    """

    stages: int
    grid: int
    units: int
    dropout: float
    statistics: FeatureStatistics
    bias: tuple[float, ...] = (0.0,)


class TransferModel:
    """One backbone with pretrained weights, cut where a trial wants it.

    A cut is a number of stages, 0 for the pixels. Trunk, tail and classifier share their layers, so
    training a tail trains the whole model. `restore` brings the pretrained weights back before the
    next trial. Nothing that lies behind a head is part of any of them.

    Args:
        backbone: Entry of the registry.
        size: Side of the square input, MIN_SIZE..MAX_SIZE pixels.
        weights: Pretrained weights from `tuning.backbones.weights.load`.
        precision: Keras dtype policy: "float32", "mixed_bfloat16" or "mixed_float16".

    Attributes:
        backbone: Entry of the registry.
        size: Side of the square input, pixels.
        weights: Pretrained weights, to which `restore` returns.
        precision: Keras dtype policy of the layers; heads are always float32.

    Raises:
        ValueError: The size is out of range.

    Example:
        >>> from data import GENDER
        >>> from tuning.backbones.registry import BACKBONES
        >>> from tuning.backbones.weights import load
        >>> from tuning.runs.schema import Calibration
        >>> googlenet = BACKBONES["googlenet"]
        >>> model = TransferModel(googlenet, 64, load(googlenet, "none"))
        >>> model.shape(2), model.grids(2), model.features(stages=2, grid=2)
        ((4, 4, 480), (1, 2, 4), 1920)
        >>> head = model.head(HeadConfig(2, 2, 8, 0.1, FeatureStatistics.neutral(1920)))
        >>> [tuple(output.shape) for output in model.trunk([1, 2]).outputs]
        [(None, 8, 8, 192), (None, 4, 4, 480)]
        >>> model.tail(stages=2, depth=1, head=head).input_shape
        (None, 8, 8, 192)
    """

    def __init__(
        self, backbone: Backbone, size: int, weights: Weights, precision: str = "float32"
    ) -> None:
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise ValueError(f"size must be {MIN_SIZE} to {MAX_SIZE} pixels, not {size}")
        self.backbone = backbone
        self.size = size
        self.weights = weights
        self.precision = precision
        with _policy(precision):
            image = keras.Input((size, size, 3), dtype="uint8", name=INPUT_NAME)
            offset = [-mean for mean in backbone.mean]
            pixels = layers.Rescaling(scale=1.0, offset=offset, name="subtract_mean")(image)
            self._whole = keras.Model(image, backbone.build(pixels))
        for layer in self._whole.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False  # inference mode, above the cut as well
        self._trainable = set(weights.layers)
        self.restore()
        self._trainable = set()  # layers of tails, which may be trained again at any time

    def restore(self) -> None:
        """Put the pretrained weights back into the layers that tails were made of."""
        for name in self._trainable:
            self._whole.get_layer(name).set_weights(self.weights.layers[name])

    def shape(self, cut: int) -> tuple[int, int, int]:
        """Return height, width and channels of the activation at a cut.

        Args:
            cut: Number of stages before it, 0 for the pixels.
        """
        height, width, channels = self._at(cut).shape[1:]
        return height, width, channels

    def grids(self, stages: int) -> tuple[int, ...]:
        """Return the grids over which a head may average, the smallest first.

        Args:
            stages: Number of stages in front of the head.

        Returns:
            Divisors of the map's side, up to 16, that leave a head at most 80,000 features; 1
            always.
        """
        side = self.shape(stages)[0]
        divisors = (grid for grid in range(1, _FINEST_GRID + 1) if side % grid == 0)
        return tuple(g for g in divisors if g == 1 or self.features(stages, g) <= _MOST_FEATURES)

    def features(self, stages: int, grid: int) -> int:
        """Return the number of a head's features.

        Args:
            stages: Number of stages in front of the head.
            grid: Number of fields along each side over which the head averages.
        """
        return grid * grid * self.shape(stages)[2]

    def trunk(self, cuts: Sequence[int], start: int = 0) -> keras.Model:
        """Return a part of the backbone.

        Args:
            cuts: Numbers of stages behind which activations are wanted, `start` or more.
            start: Cut whose activation is the part's input.

        Returns:
            Model of uint8 RGB [N, size, size, 3], or of the activation at `start`, with the
            activation at each cut, float [N, height, width, channels].
        """
        return keras.Model(self._at(start), [self._at(cut) for cut in cuts])

    def head(self, config: HeadConfig) -> keras.Model:
        """Make a new head.

        Args:
            config: Layers of the head.

        Returns:
            Model of the map behind its stages, float32 [N, height, width, channels], with the
            logits, float32 [N, width].
        """
        with _policy("float32"):
            side, _, channels = self.shape(config.stages)
            maps = keras.Input((side, side, channels))
            features = _features(maps, side // config.grid)
            # Batch norm in inference mode standardizes the features by weights that are saved.
            standardize = layers.BatchNormalization(
                center=False, scale=False, epsilon=1e-9, trainable=False, name=STANDARDIZE
            )
            x = layers.Dropout(config.dropout, name="dropout")(standardize(features))
            if config.units:
                x = layers.Dense(config.units, activation="relu", name="hidden")(x)
                x = layers.Dropout(config.dropout, name="hidden_dropout")(x)
            logit = layers.Dense(len(config.bias), name="logit")
            head = keras.Model(maps, logit(x), name=HEAD)
        logit.bias.assign(config.bias)
        standardize.set_weights([config.statistics.mean, config.statistics.variance])
        return head

    def tail(self, stages: int, depth: int, head: keras.Model) -> keras.Model:
        """Return the part that trains.

        Args:
            stages: Number of stages in front of the head.
            depth: Number of these, the last ones, that train; at 0 the head alone trains.
            head: Head behind them, from `head`.

        Returns:
            Model of the activation at the cut with the logits, float32 [N, width].
        """
        if depth == 0:
            return head
        with _policy(self.precision):
            body = self.trunk([stages], start=stages - depth)
            self._trainable |= {layer.name for layer in body.layers if layer.weights}
            activation = keras.Input(body.input.shape[1:], dtype=body.input.dtype)
            return keras.Model(activation, head(_only(body(activation))))

    def classifier(
        self,
        stages: int,
        head: keras.Model,
        labels: Sequence[Label],
        calibrations: Sequence[Calibration],
    ) -> keras.Model:
        """Return the whole model.

        Args:
            stages: Number of stages in front of the head.
            head: Trained head, which maps the activation behind them to the logits.
            labels: The labels whose logits these are.
            calibrations: Slope and biases of each label, by which its logits are scaled.

        Returns:
            Model of uint8 RGB [N, size, size, 3] with the probabilities of the label, float32
            [N, width]; of several labels a dict of them by `Label.output`.
        """
        logits = head(self._at(stages))
        ends = [at.stop for at in output_slices(labels)[:-1]]
        parts = keras.ops.split(logits, ends, axis=1) if ends else [logits]
        outputs = {}
        for label, part, scaling in zip(labels, parts, calibrations, strict=True):
            calibrated = layers.Rescaling(
                scaling.slope,
                list(scaling.bias),
                name=f"calibration_{label.output}",
                dtype="float32",
            )(part)
            function = "sigmoid" if label.is_binary else "softmax"
            p = layers.Activation(function, name=label.output, dtype="float32")(calibrated)
            outputs[label.output] = p
        whole = outputs if len(outputs) > 1 else next(iter(outputs.values()))
        return keras.Model(self._whole.input, whole, name=self.backbone.name)

    def _at(self, cut: int) -> keras.KerasTensor:
        name = self.backbone.layer_of(cut)
        return self._whole.get_layer(name).output if name else self._whole.input


def _features(maps: keras.KerasTensor, step: int) -> keras.KerasTensor:
    """Add the layers that compute what `head_features` does."""
    pooled = layers.AveragePooling2D(step, name="fields")(maps) if step > 1 else maps
    # Not Flatten, which exports to eight nodes.
    return keras.ops.reshape(
        keras.ops.sqrt(pooled + ROOT_OFFSET), (-1, math.prod(pooled.shape[1:]))
    )


def _only(outputs: list[keras.KerasTensor]) -> keras.KerasTensor:
    [output] = keras.tree.flatten(outputs)
    return output


@contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Make layers in a precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
