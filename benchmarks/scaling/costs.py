"""The formula: seconds and bytes of each step of a search, from the constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.scaling.constants import BackboneConstants, Constants, Cost
from benchmarks.scaling.scenario import Counts, Scenario
from tuning.backbones.registry import BACKBONES
from tuning.runs.schema import TrainingTime

FORWARD_SHARE = 1 / 3  # of a training step: the pass without its gradients
_REGISTRY_SIZE = 224  # of the images that `Backbone.gmacs` is for
_PROBED_IMAGES = 6 * 32  # the probe's batches
_CHANNELS, _HALF, _SINGLE = 3, 2, 4  # bytes of a pixel, an activation, a weight
_VIEWS = 2


@dataclass(frozen=True)
class Costs:
    """Seconds and bytes of each step of one backbone's search on one slot.

    Args:
        constants: What was measured.
        scenario: Run and machines.
        name: Name of the backbone.

    Example:
        >>> from benchmarks.scaling.constants import kept
        >>> scenario = Scenario(images=5000, size=96, backbones=("googlenet",))
        >>> costs = Costs(kept(), scenario, "googlenet")
        >>> costs.cache_bytes(depth=0, images=Counts.of(5000))
        15872000
    """

    constants: Constants
    scenario: Scenario
    name: str

    @property
    def backbone(self) -> BackboneConstants:
        """Constants of the backbone."""
        return self.constants.backbones[self.name]

    def pass_seconds(self, images: int) -> float:
        """Return the time of a pass through the whole backbone.

        Args:
            images: Number of images, each view counted.
        """
        return images * self._seconds(self.backbone.forward)

    def probe_seconds(self, depths: int) -> float:
        """Return the time of the probe: the model is made, a few steps are timed at each depth.

        Args:
            depths: Number of fine-tuning depths that are timed, from depth 0.
        """
        times = (self.backbone.depths[depth] for depth in range(depths))
        steps = sum(one.start + _PROBED_IMAGES * self._seconds(one.step) for one in times)
        return self.backbone.evaluation + self.pass_seconds(_PROBED_IMAGES) + steps

    def training_time(self, depth: int, images: Counts, is_cached: bool) -> TrainingTime:
        """Return the time of a training, as the planner takes it.

        Args:
            depth: Fine-tuning depth.
            images: Numbers of images.
            is_cached: Whether the activations at the cut are cached; else the trunk runs over the
                images in every epoch.
        """
        step = self._seconds(self.backbone.depths[depth].step)
        trunk = 0.0
        if not is_cached and depth < BACKBONES[self.name].max_depth:
            trunk = max(0.0, self.pass_seconds(1) - FORWARD_SHARE * step)
        working = images.train * (step + trunk) + images.val * (FORWARD_SHARE * step + trunk)
        read = self.row_bytes(depth) if is_cached else bytes_of_images(1, self.scenario.size)
        rate = self.constants.disk_read / self.scenario.slots_of_node
        reading = (images.train + images.val) * read / rate
        return TrainingTime(self.backbone.depths[depth].start, max(working, reading))

    def evaluation_seconds(self, images: Counts) -> float:
        """Return the time of a winner's evaluation, in float32 from pixels.

        Args:
            images: Numbers of images.
        """
        passes = (images.val + images.test) * self._seconds(self.backbone.forward_float32)
        return self.backbone.evaluation + passes

    def shard_seconds(self, images: int, views: int, depths: Sequence[int]) -> float:
        """Return the time of a shard's pass: the trunk, the disk or the network, the slowest.

        All slots pass shards at the same time, and all activations go to one place.

        Args:
            images: Number of images of the shard.
            views: Number of views that pass.
            depths: Fine-tuning depths whose cuts are kept.
        """
        written = images * views * sum(self.row_bytes(depth) for depth in depths)
        scenario = self.scenario
        slots, sent = scenario.slots, bytes_of_images(images, scenario.size) + written
        # What is written is read once more when it is opened, by its checksum.
        disk = slots * written * (1 / self.constants.disk_write + 1 / self.constants.disk_read)
        return max(self.pass_seconds(images * views), disk, slots * self.sending_seconds(sent))

    def sending_seconds(self, count: float) -> float:
        """Return the time in which bytes that concern all nodes alike leave or reach the first.

        Args:
            count: Number of bytes, of which its own share stays on the first node.
        """
        if self.scenario.shared:
            return 0.0
        return 8 * count * (1 - 1 / self.scenario.nodes) / (1e9 * self.scenario.gbit)

    def kept_depths(self, depths: Sequence[int], images: Counts) -> tuple[int, ...]:
        """Choose the depths whose cuts are cached: from the smallest, as many as the disk takes.

        Args:
            depths: Fine-tuning depths that are trained at.
            images: Numbers of images.
        """
        left = 1e9 * self.scenario.cache_gb / self.scenario.side_by_side
        kept = []
        for depth in sorted({0, *depths}):
            left -= self.cache_bytes(depth, images)
            if depth < BACKBONES[self.name].max_depth and (left >= 0 or depth == 0):
                kept.append(depth)
        return tuple(kept)

    def cache_bytes(self, depth: int, images: Counts) -> int:
        """Return the bytes of the cache at a cut, in all views.

        Args:
            depth: Fine-tuning depth.
            images: Numbers of images.
        """
        return (_VIEWS * images.train + images.val) * self.row_bytes(depth)

    def row_bytes(self, depth: int) -> int:
        """Return the bytes of an image's activations at a cut, in one view.

        Args:
            depth: Fine-tuning depth.
        """
        if depth == BACKBONES[self.name].max_depth:
            return bytes_of_images(1, self.scenario.size)
        return _HALF * self.backbone.depths[depth].activations(self.scenario.size)

    def tail_bytes(self, depth: int) -> int:
        """Return the bytes of a trained tail, without its head.

        Args:
            depth: Fine-tuning depth.
        """
        return _SINGLE * self.backbone.depths[depth].weights

    def model_bytes(self) -> int:
        """Return the bytes of the whole model."""
        return _SINGLE * self.backbone.weights

    def _seconds(self, cost: Cost) -> float:
        scenario, size = self.scenario, self.scenario.size
        gpu = self.constants.gpu if scenario.gpus else None
        if gpu is None:
            return cost.seconds(size, scenario.cores_of_slot)
        share = cost.seconds(size, 1) / self.backbone.forward.seconds(size, 1)
        gmacs = BACKBONES[self.name].gmacs * (size / _REGISTRY_SIZE) ** 2
        return gpu.seconds(gmacs, share)


def bytes_of_images(images: int, size: int) -> int:
    """Return the bytes of decoded images.

    Args:
        images: Number of images.
        size: Side of the images, pixels.

    Example:
        >>> bytes_of_images(5000, size=96)
        138240000
    """
    return images * _CHANNELS * size**2
