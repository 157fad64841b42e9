"""The registry: five backbones, each with its stages, behind which it may be cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

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
        name: Name of the stage, after the paper of its network, such as "inception4".
        end: Layer whose output is the stage's; the cut is behind it.

    Example:
        >>> [stage.end for stage in BACKBONES["googlenet"].stages[-2:]]
        ['pool4_3x3_s2', 'inception_5b_output']
    """

    name: str
    end: str


class Tuning(NamedTuple):
    """A fine-tuning that has paid on faces, see docs/decisions/43.

    Attributes:
        stages: Number of stages behind which the head sits.
        depth: Fine-tuning depth.
        learning_rate: Learning rate of the stages.

    Example:
        >>> tuning = BACKBONES["resnet50"].tunings[0]
        >>> tuning.stages - tuning.depth  # frozen stages
        1
    """

    stages: int
    depth: int
    learning_rate: float


@dataclass(frozen=True)
class Backbone:
    """One entry of the registry.

    Attributes:
        name: Name in `BACKBONES=` and in file names.
        title: Name of the network as its paper writes it, such as "GoogLeNet".
        build: Function of a float [N, size, size, 3] tensor (RGB, mean subtracted) that returns
            the feature map.
        mean: Red, green and blue in 0..255 that are subtracted from every pixel; nothing is scaled.
        first_conv: Layer that reads the pixels. All five sets of pretrained weights expect BGR; its
            kernel is reversed once, so that no graph has to flip channels.
        gmacs: Billions of multiplications and additions for one image of 224 pixels, without
            classifier; tells what a search of it costs beside the others.
        stages: Stages from the pixels to the feature map.
        attach: Numbers of stages behind which heads are tried first, the most promising first.
        tunings: Fine-tunings that are tried first, the one that pays soonest first.
        frozen: Number of stages that never train.

    Example:
        >>> vgg16 = BACKBONES["vgg16"]
        >>> vgg16.attach, vgg16.layer_of(4), vgg16.layer_of(0)
        ((3, 4, 2), 'block4_pool', None)
    """

    name: str
    title: str
    build: Callable[[keras.KerasTensor], keras.KerasTensor]
    mean: tuple[float, float, float]
    first_conv: str
    gmacs: float
    stages: tuple[Stage, ...]
    attach: tuple[int, ...]
    tunings: tuple[Tuning, ...]
    frozen: int = 0

    def layer_of(self, cut: int) -> str | None:
        """Return the layer that ends the first stages, None where there are none.

        Args:
            cut: Number of stages, from 0 (the pixels) to that of all of them.
        """
        return self.stages[cut - 1].end if cut else None


def _application(name: str) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    def build(input_tensor: keras.KerasTensor) -> keras.KerasTensor:
        model = getattr(keras.applications, name)
        return model(include_top=False, weights=None, input_tensor=input_tensor).output

    return build


def _vgg(name: str, gmacs: float) -> Backbone:
    stages = tuple(Stage(f"block{i}", f"block{i}_pool") for i in range(1, 6))
    return Backbone(
        name.lower(),
        name,
        _application(name),
        KERAS_MEAN,
        "block1_conv1",
        gmacs,
        stages,
        attach=(3, 4, 2),
        tunings=(Tuning(3, 1, 1e-4), Tuning(4, 2, 1e-4), Tuning(4, 3, 1e-4)),
    )


def _resnet(name: str, gmacs: float, blocks: dict[str, int]) -> Backbone:
    stages = (
        Stage("stem", "pool1_pool"),
        *(Stage(stage, f"{stage}_block{count}_out") for stage, count in blocks.items()),
    )
    return Backbone(
        name.lower(),
        name,
        _application(name),
        KERAS_MEAN,
        "conv1_conv",
        gmacs,
        stages,
        attach=(3, 4, 2),
        tunings=(Tuning(3, 2, 1e-4), Tuning(4, 3, 1e-4), Tuning(3, 2, 3e-4)),
        frozen=1,
    )


def _googlenet() -> Backbone:
    stages = (
        Stage("stem", "pool2_3x3_s2"),
        Stage("inception3", "pool3_3x3_s2"),
        Stage("inception4", "pool4_3x3_s2"),
        Stage("inception5", "inception_5b_output"),
    )
    return Backbone(
        "googlenet",
        "GoogLeNet",
        googlenet.build,
        BVLC_MEAN,
        "conv1_7x7_s2",
        1.6,
        stages,
        attach=(1, 2, 3),
        tunings=(Tuning(2, 2, 3e-4), Tuning(3, 3, 3e-4), Tuning(1, 1, 1e-4)),
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
    """Turn a first convolution's kernel from BGR input to RGB.

    Args:
        kernel: Kernel, float [height, width, 3, filters].

    Example:
        >>> bgr_to_rgb(np.array([[[[1], [2], [3]]]])).ravel().tolist()
        [3, 2, 1]
    """
    return np.ascontiguousarray(kernel[:, :, ::-1, :])


def names_in(text: str) -> tuple[str, ...]:
    """Read a comma-separated list of backbones.

    Args:
        text: The list; "all" or an empty one names all of them.

    Returns:
        Their names, each once.

    Raises:
        ValueError: One of them is not known.

    Example:
        >>> names_in("ResNet50, vgg16, resnet50")
        ('resnet50', 'vgg16')
        >>> len(names_in("all"))
        5
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if names in ((), ("all",)):
        return tuple(BACKBONES)
    for name in names:
        if name not in BACKBONES:
            raise ValueError(f"BACKBONES={name}: must be one of {', '.join(BACKBONES)}")
    return names
