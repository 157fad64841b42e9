"""What each kind of work costs, as measured on one machine; the model is made of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

KEPT = Path(__file__).with_name("constants.json")
"""Constants of the machine that docs/scaling.md names."""

_GPU_BATCH = 32


class _Constants(BaseModel):
    model_config = ConfigDict(frozen=True)


class Cost(_Constants):
    """Seconds of a piece of work: a fixed part, and one that grows with the pixels of an image.

    Attributes:
        fixed: Seconds on one core whatever the size of the images.
        per_pixel: Seconds on one core for each pixel.
        serial: Share of the time that further cores do not shorten (Amdahl, 1967), 0..1.

    Example:
        >>> cost = Cost(fixed=0.5, per_pixel=1e-4, serial=0.2)
        >>> round(cost.seconds(size=100, cores=1), 2), round(cost.seconds(size=100, cores=4), 2)
        (1.5, 0.6)
    """

    fixed: float = Field(ge=0)
    per_pixel: float = Field(ge=0)
    serial: float = Field(default=0.0, ge=0, le=1)

    @classmethod
    def through(cls, seconds: Mapping[int, float], serial: float) -> Self:
        """Lay the line through what two sizes took on one core.

        Args:
            seconds: Time of the work by the side of the images, pixels, at two of them.
            serial: Share of the time that further cores do not shorten, 0..1.

        Example:
            >>> Cost.through({10: 2.0, 20: 5.0}, serial=0.0)
            Cost(fixed=1.0, per_pixel=0.01, serial=0.0)
        """
        (small, at_small), (large, at_large) = sorted(seconds.items())
        slope = max(0.0, (at_large - at_small) / (large**2 - small**2))
        slope = min(slope, at_large / large**2)  # noise must not make a fixed part below 0
        fixed = max(0.0, at_large - slope * large**2)
        return cls(fixed=fixed, per_pixel=slope, serial=serial)

    def seconds(self, size: int, cores: float) -> float:
        """Return what the work takes.

        Args:
            size: Side of the images, pixels.
            cores: Number of cores that work on it.
        """
        return (self.fixed + self.per_pixel * size**2) * (self.serial + (1 - self.serial) / cores)


def serial_share(one: float, several: float, cores: int) -> float:
    """Return Amdahl's serial share of work from its time on one core and on several.

    Args:
        one: Seconds on one core.
        several: Seconds on several cores.
        cores: Number of these cores, at least 2.

    Returns:
        0 where several cores are as much faster as they are more, 1 where they are no faster.

    Example:
        >>> round(serial_share(one=10.0, several=6.0, cores=2), 2)
        0.2
    """
    return min(1.0, max(0.0, (several / one - 1 / cores) / (1 - 1 / cores)))


class DepthConstants(_Constants):
    """A fine-tuning depth of a backbone.

    Attributes:
        step: Time of a training step, for one image of a batch.
        start: Seconds until the first step, while the graph is made.
        stride: Pixels of the image for one of the activations' at the cut, a side; 0 where they
            are pooled.
        channels: Number of channels at the cut.
        weights: Number of weights of the tail, without its head.
    """

    step: Cost
    start: float
    stride: int
    channels: int
    weights: int

    def activations(self, size: int) -> int:
        """Return the number of activations of an image at the cut.

        Args:
            size: Side of the image, pixels.

        Example:
            >>> step = Cost(fixed=0, per_pixel=0)
            >>> DepthConstants(step=step, start=0, stride=16, channels=8, weights=0).activations(96)
            288
        """
        side = -(-size // self.stride) if self.stride else 1
        return side * side * self.channels


class BackboneConstants(_Constants):
    """A backbone.

    Attributes:
        forward: Time of a pass of one image through the whole backbone, in the search's precision.
        forward_float32: The same in float32, as winners are evaluated.
        depths: What each fine-tuning depth costs, from depth 0.
        weights: Number of weights of the backbone.
        evaluation: Seconds to make, save and time a winner, besides the passes of its images.
    """

    forward: Cost
    forward_float32: Cost
    depths: tuple[DepthConstants, ...]
    weights: int
    evaluation: float


class GpuSpeed(_Constants):
    """How fast a GPU is with one backbone, in batches of 32.

    Attributes:
        macs_per_second: Multiplications with additions of a forward pass that it really makes in a
            second, in the search's precision.
        step_seconds: Time of a batch's forward pass that does not depend on the pixels, such as
            launching it.
    """

    macs_per_second: float
    step_seconds: float

    def seconds(self, gmacs: float, share: float = 1.0) -> float:
        """Return the time of one image.

        Args:
            gmacs: Billions of multiplications and additions of a forward pass.
            share: How many times as much as a forward pass it is.

        Example:
            >>> speed = GpuSpeed(macs_per_second=1e12, step_seconds=0.032)
            >>> round(speed.seconds(gmacs=1.0, share=3.0), 6)
            0.006
        """
        launching = max(1.0, share) * self.step_seconds / _GPU_BATCH
        return share * gmacs * 1e9 / self.macs_per_second + launching


class GpuConstants(_Constants):
    """How fast a GPU is.

    Attributes:
        name: Name of the GPU, and what the figures rest on.
        serial: Share of a step's time that more GPUs of one machine do not shorten, 0..1.
        speeds: Its speed by name of the backbone.
    """

    name: str
    serial: float
    speeds: dict[str, GpuSpeed]


class Constants(_Constants):
    """What each kind of work costs on a machine.

    Attributes:
        processor: Name of the processor.
        cores: Number of cores that were measured on.
        precision: Arithmetic of the search, a Keras dtype policy.
        load: Load average before the measurement: what else the machine did, in processes.
        sizes: Sides of the images that were measured, pixels.
        backbones: Costs by name of the backbone.
        hashing: Time to hash a file of 178 x 218 pixels, seconds an image.
        decoding: Time to decode one and to write its square.
        disk_write: Bytes a second that the disk takes for good.
        disk_read: Bytes a second that are read and checked.
        starting: Seconds of a process before its first work: imports and weights.
        trial: Seconds of a trial besides its epochs: weights put back, a tail saved.
        folds: Seconds an image for the predictions by which training labels are doubted.
        exporting: Seconds to export a model.
        ray_starting: Seconds until a local Ray takes work.
        ray_step: Seconds that Ray adds to a step.
        gpu: A GPU, None where there is none to speak of.
        note: What a reader of the figures must know, a line; empty where all was measured.
    """

    processor: str
    cores: int
    precision: str
    load: float
    sizes: tuple[int, ...]
    backbones: dict[str, BackboneConstants]
    hashing: Cost
    decoding: Cost
    disk_write: float
    disk_read: float
    starting: float
    trial: float
    folds: float
    exporting: float
    ray_starting: float
    ray_step: float
    gpu: GpuConstants | None = None
    note: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read constants that were measured.

        Args:
            path: JSON file.

        Raises:
            ValueError: It does not hold constants.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{path} holds no constants of `scaling --measure`") from error


@cache
def kept() -> Constants:
    """Return the constants that come with the project.

    Example:
        >>> sorted(kept().backbones)
        ['googlenet', 'resnet101', 'resnet50', 'vgg16', 'vgg19']
    """
    return Constants.read(KEPT)
