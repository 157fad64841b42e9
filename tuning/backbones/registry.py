"""The registry: five backbones, each with its stages, the places where fine-tuning may start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from tuning.backbones import googlenet

KERAS_MEAN = (123.68, 116.779, 103.939)
BVLC_MEAN = (123.0, 117.0, 104.0)
MIN_SIZE, MAX_SIZE = 64, 224


@dataclass(frozen=True)
class Stage:
    """A part of a backbone that is trained or frozen as a whole.

    Attributes:
        name: what papers call it.
        end: the layer whose output is the stage's, and the cut behind it.
    """

    name: str
    end: str


@dataclass(frozen=True)
class Backbone:
    """One entry of the registry.

    Attributes:
        name: as in `BACKBONES=` and in file names.
        title: as in papers.
        build: from a float [N, size, size, 3] tensor (RGB, mean subtracted) to the feature map.
        mean: RGB, in 0..255, subtracted from every pixel; nothing is scaled.
        first_conv: the layer that reads the pixels. All five sets of pretrained weights expect
            BGR; its kernel is turned round once, so that no graph has to flip channels.
        gmacs: billions of multiplications and additions for one image of 224 pixels, without
            classifier; says what a search of it costs beside the others.
        stages: from the pixels to the feature map.
    """

    name: str
    title: str
    build: Callable[[keras.KerasTensor], keras.KerasTensor]
    mean: tuple[float, float, float]
    first_conv: str
    gmacs: float
    stages: tuple[Stage, ...]

    @property
    def max_depth(self) -> int:
        """The fine-tuning depth at which every stage trains."""
        return len(self.stages)

    def cut(self, depth: int) -> str | None:
        """The last frozen layer at a fine-tuning depth, None where nothing is frozen."""
        frozen = self.max_depth - depth
        return self.stages[frozen - 1].end if frozen else None


def _application(name: str) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    def build(input_tensor: keras.KerasTensor) -> keras.KerasTensor:
        model = getattr(keras.applications, name)
        return model(include_top=False, weights=None, input_tensor=input_tensor).output

    return build


def _vgg(name: str, gmacs: float) -> Backbone:
    stages = tuple(Stage(f"block{i}", f"block{i}_pool") for i in range(1, 6))
    return Backbone(
        name.lower(), name, _application(name), KERAS_MEAN, "block1_conv1", gmacs, stages
    )


def _resnet(name: str, gmacs: float, blocks: dict[str, int]) -> Backbone:
    stages = (
        Stage("stem", "pool1_pool"),
        *(Stage(stage, f"{stage}_block{count}_out") for stage, count in blocks.items()),
    )
    return Backbone(name.lower(), name, _application(name), KERAS_MEAN, "conv1_conv", gmacs, stages)


def _googlenet() -> Backbone:
    stages = (
        Stage("stem", "pool2_3x3_s2"),
        Stage("inception3", "pool3_3x3_s2"),
        Stage("inception4", "pool4_3x3_s2"),
        Stage("inception5", "inception_5b_output"),
    )
    return Backbone(
        "googlenet", "GoogLeNet", googlenet.build, BVLC_MEAN, "conv1_7x7_s2", 1.6, stages
    )


BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        _vgg("VGG16", 15.3),
        _vgg("VGG19", 19.5),
        _resnet("ResNet50", 3.9, {"conv2": 3, "conv3": 4, "conv4": 6, "conv5": 3}),
        _resnet("ResNet101", 7.6, {"conv2": 3, "conv3": 4, "conv4": 23, "conv5": 3}),
        _googlenet(),
    )
}


def bgr_to_rgb(kernel: np.ndarray) -> np.ndarray:
    """Turn a first convolution's kernel [height, width, 3, filters] from BGR input to RGB."""
    return np.ascontiguousarray(kernel[:, :, ::-1, :])


def names_in(text: str) -> tuple[str, ...]:
    """The backbones of a comma-separated list, each once; all for "all" or an empty list.

    Raises:
        ValueError: one that is not known, with a line for the user.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if names in ((), ("all",)):
        return tuple(BACKBONES)
    for name in names:
        if name not in BACKBONES:
            raise ValueError(f"BACKBONES={name}: must be one of {', '.join(BACKBONES)}")
    return names
