"""What a pass over the shards of an image set goes by: what is missing, known, done."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from data.progress import ProgressCallback
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.entry import EntryFacts
from tuning.trunk.entry_files import EntryFiles
from tuning.trunk.forward_pass import Shapes, activation_shapes, open_files, write_activations
from tuning.trunk.image_set import VIEWS, ImageSet, View
from tuning.trunk.reuse import HeldEntry, KnownActivations

DepthAndView = tuple[int, View]
"""Which activations of some images: the fine-tuning depth of the cut, and the view."""

HeldEntries = Mapping[DepthAndView, Sequence[HeldEntry]]
"""Entries that hold some of the images, for each depth and view."""


@dataclass(frozen=True)
class WantedShard:
    """Entries of one shard of an image set.

    Attributes:
        images: The shard.
        entries: Facts of the entry for each depth and view.
    """

    images: ImageSet
    entries: Mapping[DepthAndView, EntryFacts]

    def only(self, entries: Mapping[DepthAndView, EntryFacts]) -> WantedShard:
        """Return the shard with some of its entries."""
        return replace(self, entries=entries)


def wanted_shards(
    model: TransferModel, images: ImageSet, depths: Sequence[int], views: Sequence[View]
) -> list[WantedShard]:
    """Return the entries of all shards of an image set.

    Args:
        model: Model with its pretrained weights.
        images: Images to pass through the trunk.
        depths: Fine-tuning depths below the model's `max_depth`.
        views: Views of the images.
    """
    return [
        WantedShard(
            shard, {(d, v): EntryFacts.of(model, shard, d, v) for v in views for d in depths}
        )
        for shard in images.shards()
    ]


class ShardPass:
    """A pass over several shards.

    Args:
        model: Model with its pretrained weights in place.
        shards: Shards with their missing entries, at least one each.
        held: What other entries hold of their images.
        progress: Called with the number of images done and of all, over shards and views.

    Attributes:
        total: Number of passes of one image in one view that are needed.
    """

    def __init__(
        self,
        model: TransferModel,
        shards: Sequence[WantedShard],
        held: HeldEntries,
        progress: ProgressCallback = lambda *_: None,
    ) -> None:
        self._model = model
        digests = [shard.images.digests for shard in shards]
        ends = np.cumsum([len(part) for part in digests]).tolist()
        self._positions = {
            shard.images.fingerprint: slice(end - len(part), end)
            for shard, end, part in zip(shards, ends, digests, strict=True)
        }
        wanted = np.concatenate(digests)
        self._known = {at: KnownActivations(wanted, entries) for at, entries in held.items()}
        self._progress = progress
        self._done = 0
        self.total = sum(self._passing(shard) for shard in shards)

    def write(self, shard: WantedShard, files: EntryFiles) -> None:
        """Compute entries of a shard.

        Args:
            shard: Shard with the entries that are still missing.
            files: Where they are written.
        """
        shapes = _shapes(self._model, shard)
        known = self._known_of(shard)
        done = self._done
        for view, entries in _by_view(shard):
            paths = {depth: files.npy(entry.key) for depth, entry in entries.items()}
            of_view = {depth: known[depth, view] for depth in entries}
            shown = partial(self._show, done)
            with open_files(paths, shapes) as opened:
                write_activations(self._model, shard.images, view, opened, of_view, shown)
            for depth, file in opened.items():
                files.commit(entries[depth], shard.images.digests, file.crc32)
            done += _count_unknown(of_view.values())

    def finished(self, shard: WantedShard) -> None:
        """Count a shard as done, by this process or another one.

        Args:
            shard: Shard with the entries that were missing at the start.
        """
        self._done += self._passing(shard)

    def _show(self, before: int, done: int, _: int) -> None:
        self._progress(before + done, max(self.total, before + done))

    def _passing(self, shard: WantedShard) -> int:
        known = self._known_of(shard)
        by_view = ([known[depth, view] for depth in of] for view, of in _by_view(shard))
        return sum(_count_unknown(at_depths) for at_depths in by_view)

    def _known_of(self, shard: WantedShard) -> dict[DepthAndView, KnownActivations]:
        positions = self._positions[shard.images.fingerprint]
        return {at: self._known[at].part(positions) for at in shard.entries}


def bytes_of(model: TransferModel, shard: WantedShard) -> int:
    """Return the bytes on disk that a shard's entries take, without what says what they are.

    Args:
        model: Model with its pretrained weights.
        shard: Shard with the entries in question.
    """
    shapes = _shapes(model, shard)
    return sum(2 * math.prod(shapes[depth]) for depth, _ in shard.entries)


def _shapes(model: TransferModel, shard: WantedShard) -> Shapes:
    depths = sorted({depth for depth, _ in shard.entries})
    rows = activation_shapes(model, tuple(depths))
    return {d: (len(shard.images), *shape) for d, shape in zip(depths, rows, strict=True)}


def _by_view(shard: WantedShard) -> Iterator[tuple[View, dict[int, EntryFacts]]]:
    """A shard's entries by depth, view by view; all depths of a view are made in one pass."""
    for view in VIEWS:
        entries = {depth: entry for (depth, of), entry in shard.entries.items() if of == view}
        if entries:
            yield view, entries


def _count_unknown(at_depths: Iterable[KnownActivations]) -> int:
    """Number of images whose activations are not known at every depth."""
    found = np.logical_and.reduce([known.found for known in at_depths])
    return int((~found).sum())
