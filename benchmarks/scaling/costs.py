"""The formula: seconds and bytes of each step of a search, from the constants."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scaling.constants import BackboneConstants, Constants, Cost
from benchmarks.scaling.scenario import Scenario
from tuning.backbones.registry import BACKBONES
from tuning.runs.schema import BackboneCosts, SearchImages

_REGISTRY_SIZE = 224  # of the images that `Backbone.gmacs` is for
_PROBED_IMAGES = 6 * 32  # the probe's batches
_CHANNELS, _HALF, _SINGLE = 3, 2, 4  # bytes of a pixel, an activation, a weight


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
        >>> costs.row_bytes(depth=0), costs.row_bytes(depth=1), costs.row_bytes(depth=4)
        (2048, 14976, 27648)
    """

    constants: Constants
    scenario: Scenario
    name: str

    @property
    def backbone(self) -> BackboneConstants:
        """Constants of the backbone."""
        return self.constants.backbones[self.name]

    @property
    def max_depth(self) -> int:
        """Depth at which nothing is frozen."""
        return BACKBONES[self.name].max_depth

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

    def planned(self) -> BackboneCosts:
        """Return what a run plans from, as if it had probed the backbone on one of the slots.

        Where the disk gives activations slower than a step takes them, it is the disk's time.
        """
        scenario, counts = self.scenario, self.scenario.counts
        depths = range(min(len(scenario.preset.trials), len(self.backbone.depths)))
        rate = self.constants.disk_read / scenario.slots_of_node
        steps = (
            (
                self.backbone.depths[depth].start,
                max(self._seconds(self.backbone.depths[depth].step), self.row_bytes(depth) / rate),
            )
            for depth in depths
        )
        return BackboneCosts(
            train=counts.train,
            val=counts.val,
            pass_seconds=self.pass_seconds(1),
            steps=tuple(steps),
            bytes=tuple(self.row_bytes(depth) for depth in range(self.max_depth)),
            room=int(1e9 * scenario.cache_gb / scenario.side_by_side),
        )

    def evaluation_seconds(self) -> float:
        """Return the time of a winner's evaluation, in float32 from pixels."""
        counts = self.scenario.counts
        passes = (counts.val + counts.test) * self._seconds(self.backbone.forward_float32)
        return self.backbone.evaluation + passes

    def shard_seconds(self, images: int, written: float) -> float:
        """Return the time of a shard's pass: the trunk, the disk or the network, the slowest.

        All slots pass shards at the same time, and all activations go to one place.

        Args:
            images: Number of images of the shard, each view counted.
            written: Number of bytes of their activations that are kept.
        """
        slots, sent = self.scenario.slots, bytes_of_images(images, self.scenario.size) + written
        # What is written is read once more when it is opened, by its checksum.
        disk = slots * written * (1 / self.constants.disk_write + 1 / self.constants.disk_read)
        return max(self.pass_seconds(images), disk, slots * self.sending_seconds(sent))

    def sending_seconds(self, count: float) -> float:
        """Return the time in which bytes that concern all nodes alike leave or reach the first.

        Args:
            count: Number of bytes, of which its own share stays on the first node.
        """
        if self.scenario.shared:
            return 0.0
        return 8 * count * (1 - 1 / self.scenario.nodes) / (1e9 * self.scenario.gbit)

    def cache_bytes(self, depth: int, images: SearchImages) -> int:
        """Return the bytes of the cache at a cut, in the views that are kept.

        Args:
            depth: Fine-tuning depth.
            images: Images, and what is kept of them.
        """
        views = images.cached(depth)
        return (views * images.train + min(views, 1) * images.val) * self.row_bytes(depth)

    def row_bytes(self, depth: int) -> int:
        """Return the bytes of an image's activations at a cut, in one view.

        Args:
            depth: Fine-tuning depth.
        """
        if depth == self.max_depth:
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
        return gpu.speeds[self.name].seconds(gmacs, share)


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
