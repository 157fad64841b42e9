"""What a pass over the shards of an image set goes by: what is missing, known, done."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from data.progress import ProgressCallback
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.entry import EntryFacts
from tuning.trunk.entry_files import EntryFiles
from tuning.trunk.forward_pass import open_files, way_of, write_activations
from tuning.trunk.image_set import VIEWS, ImageSet, View
from tuning.trunk.reuse import HeldEntry, KnownActivations

CutAndView = tuple[int, View]
"""Which activations of some images: the number of stages of the trunk, and the view."""

Held = Callable[[CutAndView], Sequence[HeldEntry]]
"""Function that opens the entries that hold some of the images at a cut, in a view."""


@dataclass(frozen=True)
class WantedShard:
    """Entries of one shard of an image set.

    Attributes:
        images: The shard.
        entries: Facts of the entry for each cut and view.
    """

    images: ImageSet
    entries: Mapping[CutAndView, EntryFacts]

    def only(self, entries: Mapping[CutAndView, EntryFacts]) -> WantedShard:
        """Return the shard with some of its entries."""
        return replace(self, entries=entries)


def wanted_shards(
    model: TransferModel, images: ImageSet, cuts: Sequence[int], views: Sequence[View]
) -> list[WantedShard]:
    """Return the entries of all shards of an image set.

    Args:
        model: Model whose pretrained weights are used.
        images: Images to pass through the trunk.
        cuts: Numbers of stages of the trunk, at least 1.
        views: Views of the images.
    """
    return [
        WantedShard(shard, {(c, v): EntryFacts.of(model, shard, c, v) for v in views for c in cuts})
        for shard in images.shards()
    ]


class ShardPass:
    """A pass over several shards.

    Args:
        model: Model whose pretrained weights are used.
        shards: Shards with their missing entries, at least one each.
        held: Opens what entries hold of their images; called once for each cut and view.
        progress: Called with the number of images done and of all, over shards and views.

    Attributes:
        total: Number of passes of one image in one view that are needed.
    """

    def __init__(
        self,
        model: TransferModel,
        shards: Sequence[WantedShard],
        held: Held,
        progress: ProgressCallback = lambda *_: None,
    ) -> None:
        self._model = model
        digests = [shard.images.digests for shard in shards]
        ends = np.cumsum([len(part) for part in digests]).tolist()
        self._positions = {
            shard.images.fingerprint: slice(end - len(part), end)
            for shard, end, part in zip(shards, ends, digests, strict=True)
        }
        self._wanted = np.concatenate(digests)
        self._held = held
        self._known: dict[CutAndView, KnownActivations] = {}
        self._progress = progress
        self._done = 0
        self.total = sum(self._passing(shard) for shard in shards)

    def write(self, shard: WantedShard, files: EntryFiles) -> None:
        """Compute entries of a shard.

        Args:
            shard: Shard with the entries that are still missing.
            files: Where they are written.
        """
        done = self._done
        for view, entries in _by_view(shard):
            paths = {cut: files.npy(entry.key) for cut, entry in entries.items()}
            shapes = {cut: (len(shard.images), *self._model.shape(cut)) for cut in entries}
            known = partial(self._known_at, shard.images, view)
            shown = partial(self._show, done)
            with open_files(paths, shapes) as opened:
                write_activations(self._model, shard.images, view, opened, known, shown)
            for cut, file in opened.items():
                files.commit(entries[cut], shard.images.digests, file.crc32)
            done += self._count(shard.images, view, entries)

    def finished(self, shard: WantedShard) -> None:
        """Count a shard as done, by this process or another one.

        Args:
            shard: Shard with the entries that were missing at the start.
        """
        self._done += self._passing(shard)

    def _show(self, before: int, done: int, _: int) -> None:
        self._progress(before + done, max(self.total, before + done))

    def _passing(self, shard: WantedShard) -> int:
        return sum(self._count(shard.images, view, cuts) for view, cuts in _by_view(shard))

    def _count(self, images: ImageSet, view: View, cuts: Collection[int]) -> int:
        return way_of(len(images), cuts, partial(self._known_at, images, view)).count

    def _known_at(self, images: ImageSet, view: View, cut: int) -> KnownActivations:
        if (cut, view) not in self._known:
            self._known[cut, view] = KnownActivations(self._wanted, self._held((cut, view)))
        return self._known[cut, view].part(self._positions[images.fingerprint])


def bytes_of(model: TransferModel, shard: WantedShard) -> int:
    """Return the bytes on disk that a shard's entries take, without what says what they are.

    Args:
        model: Model whose pretrained weights are used.
        shard: Shard with the entries in question.
    """
    return sum(2 * len(shard.images) * math.prod(model.shape(cut)) for cut, _ in shard.entries)


def _by_view(shard: WantedShard) -> Iterator[tuple[View, dict[int, EntryFacts]]]:
    """A shard's entries by cut, view by view; all cuts of a view are made in one pass."""
    for view in VIEWS:
        entries = {cut: entry for (cut, of), entry in shard.entries.items() if of == view}
        if entries:
            yield view, entries
