"""What is asked of the model: images, what is searched, and the machines."""

from __future__ import annotations

from dataclasses import dataclass

from data.splits import held_out_shares
from tuning.search.presets import PRESETS, Preset


@dataclass(frozen=True)
class Counts:
    """Numbers of images by split.

    Attributes:
        train: Number of training images.
        val: Number of validation images.
        test: Number of test images.
    """

    train: int
    val: int
    test: int

    @classmethod
    def of(cls, images: int) -> Counts:
        """Split images as a run does where a data set has no parts of its own.

        Args:
            images: Number of images.

        Example:
            >>> Counts.of(1000)
            Counts(train=700, val=150, test=150)
        """
        val, test = (round(share * images) for share in held_out_shares(images))
        return cls(images - val - test, val, test)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A run and the machines that it is on.

    Attributes:
        images: Number of images.
        size: Side of the images, pixels.
        backbones: Names of the backbones.
        preset: How much is tried.
        cores: Number of cores of each node.
        nodes: Number of machines.
        gpus: Number of GPUs of each node; each is a slot.
        workers: Number of processes of each node without GPUs, each with its share of the cores.
        cache_gb: Disk budget of the trunk cache, GB.
        budget: Minutes for the run, None for all of the preset.
        gbit: Billions of bits a second that pass between the first node and the others together.
        shared: Whether all nodes see one folder, so that nothing is sent.

    Example:
        >>> scenario = Scenario(images=5000, size=96, backbones=("vgg16",), nodes=3, workers=2)
        >>> scenario.slots, scenario.cores_of_slot, scenario.counts
        (6, 1.0, Counts(train=3200, val=800, test=1000))
    """

    images: int
    size: int
    backbones: tuple[str, ...]
    preset: Preset = PRESETS["standard"]
    cores: int = 2
    nodes: int = 1
    gpus: int = 0
    workers: int = 1
    cache_gb: float = 20.0
    budget: float | None = None
    gbit: float = 10.0
    shared: bool = False

    @property
    def counts(self) -> Counts:
        """Numbers of images by split."""
        return Counts.of(self.images)

    @property
    def slots_of_node(self) -> int:
        """Number of steps that a node works on side by side."""
        return self.gpus or self.workers

    @property
    def slots(self) -> int:
        """Number of steps that all nodes work on side by side."""
        return self.nodes * self.slots_of_node

    @property
    def cores_of_slot(self) -> float:
        """Number of cores that a slot has."""
        return self.cores / self.slots_of_node

    @property
    def side_by_side(self) -> int:
        """Number of backbones that are searched at the same time."""
        return min(len(self.backbones), self.slots)
