"""A pretrained backbone that can be cut at any fine-tuning depth: frozen trunk, trainable tail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from data import Label
from data.labels import output_slices
from tuning.backbones.registry import MAX_SIZE, MIN_SIZE, Backbone
from tuning.backbones.weights import Weights
from tuning.runs.schema import Calibration

INPUT_NAME = "image"
_STANDARDIZE = "standardise"  # a name that saved models have
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Mean and variance of each channel of pooled features.

    Attributes:
        mean: Mean of each channel, float32 [C].
        variance: Variance of each channel, positive, float32 [C].

    Example:
        >>> statistics = FeatureStatistics(np.float32([1.0, 3.0]), np.float32([1.0, 4.0]))
        >>> statistics.standardize(np.float32([[2.0, 1.0]])).tolist()
        [[1.0, -1.0]]
    """

    mean: np.ndarray
    variance: np.ndarray

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of each channel, float32 [C]."""
        return np.sqrt(self.variance)

    def standardize(self, features: np.ndarray) -> np.ndarray:
        """Bring each channel to mean 0 and variance 1.

        Args:
            features: Pooled features, float32 [N, C].

        Returns:
            float32 [N, C].
        """
        return (features - self.mean) / self.std

    @classmethod
    def neutral(cls, channels: int) -> FeatureStatistics:
        """Return statistics that change nothing, until those of trained weights are loaded.

        Args:
            channels: Number of channels of the pooled features.

        Example:
            >>> FeatureStatistics.neutral(2).std.tolist()
            [1.0, 1.0]
        """
        return cls(np.zeros(channels, np.float32), np.ones(channels, np.float32))

    @classmethod
    def of_head(cls, head: keras.Model) -> FeatureStatistics:
        """Return the statistics by which a head standardizes.

        Args:
            head: Head as `TransferModel.head` makes it.
        """
        return cls(*head.get_layer(_STANDARDIZE).get_weights())

    @classmethod
    def of(cls, features: np.ndarray) -> FeatureStatistics:
        """Measure pooled features.

        Channels that hardly vary get a tenth of the median standard deviation, so that noise in
        them is not blown up.

        Args:
            features: Pooled features, float [N, C], may be a memory map of any length.

        Example:
            >>> statistics = FeatureStatistics.of(np.array([[0.0, 1.0], [2.0, 5.0]]))
            >>> statistics.mean.tolist(), statistics.std.tolist()
            ([1.0, 3.0], [1.0, 2.0])
        """
        count, width = features.shape
        blocks = [slice(start, start + _BLOCK) for start in range(0, count, _BLOCK)]
        mean, variance = np.zeros(width), np.zeros(width)
        for block in blocks:
            mean += features[block].sum(axis=0, dtype=np.float64) / count
        for block in blocks:
            variance += ((features[block] - mean) ** 2).sum(axis=0) / count
        std = np.sqrt(variance)
        floor = max(0.1 * float(np.median(std)), 1e-4)
        return cls(mean.astype(np.float32), (np.maximum(std, floor) ** 2).astype(np.float32))


@dataclass(frozen=True)
class HeadConfig:
    """The classifier on top of a backbone.

    Attributes:
        units: Width of the hidden layer, 0 for none.
        dropout: Dropout rate before each dense layer, 0..1.
        statistics: Statistics by which the pooled features are standardized.
        bias: Bias of each logit, of all labels together, with which the training starts.
    """

    units: int
    dropout: float
    statistics: FeatureStatistics
    bias: tuple[float, ...] = (0.0,)


class TransferModel:
    """One backbone with pretrained weights, cut where a trial wants it.

    Trunk, tail and whole model share their layers, so training a tail trains the whole model.
    `restore` brings the pretrained weights back before the next trial.

    Args:
        backbone: Entry of the registry.
        size: Side of the square input, MIN_SIZE..MAX_SIZE pixels.
        weights: Pretrained weights from `tuning.backbones.weights.load`.
        precision: Keras dtype policy: "float32", "mixed_bfloat16" or "mixed_float16".

    Attributes:
        backbone: Entry of the registry.
        size: Side of the square input, pixels.
        weights: Pretrained weights, to which `restore` returns.
        precision: Keras dtype policy of the layers.
        features: Number of channels of the pooled features.

    Raises:
        ValueError: The size is out of range.

    Example:
        >>> from data import GENDER
        >>> from tuning.backbones.registry import BACKBONES
        >>> from tuning.backbones.weights import load
        >>> from tuning.runs.schema import Calibration
        >>> googlenet = BACKBONES["googlenet"]
        >>> model = TransferModel(googlenet, 64, load(googlenet, "none"))
        >>> statistics = FeatureStatistics(np.zeros(model.features), np.ones(model.features))
        >>> head = model.head(HeadConfig(units=8, dropout=0.1, statistics=statistics))
        >>> [tuple(output.shape) for output in model.trunk([0, 1]).outputs]
        [(None, 1024), (None, 2, 2, 832)]
        >>> whole = model.classifier(head, [GENDER], [Calibration.none(GENDER)])
        >>> model.tail(1, head).input_shape, whole.output_shape, whole.output_names
        ((None, 2, 2, 832), (None, 1), ['p_man'])
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
        with self._scope():
            image = keras.Input((size, size, 3), dtype="uint8", name=INPUT_NAME)
            offset = [-mean for mean in backbone.mean]
            pixels = layers.Rescaling(scale=1.0, offset=offset, name="subtract_mean")(image)
            features = backbone.build(pixels)
            pool = layers.GlobalAveragePooling2D(name="features", dtype="float32")
            self._whole = keras.Model(image, pool(features))
        self.features = int(self._whole.output.shape[-1])
        for layer in self._whole.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False  # inference mode, above the cut as well
        self._changed = set(weights.layers)
        self.restore()

    def restore(self) -> None:
        """Put the pretrained weights back into the layers that a tail was made of."""
        for name in self._changed:
            self._whole.get_layer(name).set_weights(self.weights.layers[name])
        self._changed = set()

    def trunk(self, depths: Sequence[int]) -> keras.Model:
        """Return the frozen part.

        Args:
            depths: Fine-tuning depths below `max_depth`.

        Returns:
            Model of uint8 RGB [N, size, size, 3] with the activation at the cut of each depth; at
            depth 0 the pooled features, float32 [N, features].
        """
        return keras.Model(self._whole.input, [self._cut(depth) for depth in depths])

    def tail(self, depth: int, head: keras.Model) -> keras.Model:
        """Return the part that trains at a fine-tuning depth.

        Args:
            depth: Fine-tuning depth, 0..`max_depth`; at 0 the head alone trains.
            head: Head on top of it, from `head`.

        Returns:
            Model of the activation at the cut with the logits, float32 [N, width].
        """
        if depth == 0:
            return head
        with self._scope():
            features = keras.Model(self._cut(depth), self._whole.output)
            self._changed |= {layer.name for layer in features.layers if layer.weights}
            for layer in features.layers:  # frozen ones of a trunk before, see `from_pixels`
                layer.trainable = not isinstance(layer, layers.BatchNormalization)
            tail_input = keras.Input(features.input.shape[1:], dtype=features.input.dtype)
            return keras.Model(tail_input, head(features(tail_input)))

    def from_pixels(self, depth: int, tail: keras.Model) -> keras.Model:
        """Return a tail behind its frozen trunk, to train without cached activations.

        Args:
            depth: Fine-tuning depth of the tail, below `max_depth`.
            tail: Tail at that depth, from `tail`; training the one trains the other.

        Returns:
            Model of uint8 RGB [N, size, size, 3] with the logits, float32 [N, width].
        """
        trunk = self.trunk([depth])
        trunk.trainable = False
        image = keras.Input(trunk.input.shape[1:], dtype="uint8")
        return keras.Model(image, tail(keras.tree.flatten(trunk(image, training=False))[0]))

    def classifier(
        self, head: keras.Model, labels: Sequence[Label], calibrations: Sequence[Calibration]
    ) -> keras.Model:
        """Return the whole model.

        Args:
            head: Trained head, which maps the pooled features to the logits.
            labels: The labels whose logits these are.
            calibrations: Slope and biases by which the logits of each label are scaled.

        Returns:
            Model of uint8 RGB [N, size, size, 3] with the probabilities of the label, float32
            [N, width]; of several labels a dict of them by `Label.output`.
        """
        logits = head(self._whole.output)
        ends = [at.stop for at in output_slices(labels)[:-1]]
        parts = keras.ops.split(logits, ends, axis=1) if ends else [logits]
        outputs = {}
        for label, part, calibration in zip(labels, parts, calibrations, strict=True):
            # Of gender the layers are called as in models that knew no other label.
            name = "calibration" if len(labels) == 1 else f"calibration_{label.output}"
            scale = layers.Rescaling(
                calibration.slope, list(calibration.bias), name=name, dtype="float32"
            )
            function = "sigmoid" if label.is_binary else "softmax"
            p = layers.Activation(function, name=label.output, dtype="float32")(scale(part))
            outputs[label.output] = p
        whole = outputs if len(outputs) > 1 else next(iter(outputs.values()))
        return keras.Model(self._whole.input, whole, name=self.backbone.name)

    def head(self, config: HeadConfig) -> keras.Model:
        """Make a new head.

        Args:
            config: Layers of the head.

        Returns:
            Model of the pooled features, float32 [N, features], with the logits, float32
            [N, width].
        """
        # Batch norm in inference mode standardizes the features by weights that are saved.
        standardize = layers.BatchNormalization(
            center=False, scale=False, epsilon=1e-9, trainable=False, name=_STANDARDIZE
        )
        stack = [
            keras.Input((self.features,)),
            standardize,
            layers.Dropout(config.dropout, name="dropout"),
        ]
        if config.units:
            stack += [
                layers.Dense(config.units, activation="relu", name="hidden"),
                layers.Dropout(config.dropout, name="hidden_dropout"),
            ]
        logit = layers.Dense(len(config.bias), name="logit")
        head = keras.Sequential([*stack, logit], name="head")
        logit.bias.assign(config.bias)
        standardize.set_weights([config.statistics.mean, config.statistics.variance])
        return head

    def _cut(self, depth: int) -> keras.KerasTensor:
        if depth == 0:
            return self._whole.output
        name = self.backbone.cut(depth)
        return self._whole.get_layer(name).output if name else self._whole.input

    @contextmanager
    def _scope(self) -> Iterator[None]:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)
