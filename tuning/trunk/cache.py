"""The frozen-trunk cache: activations at the cuts, computed once and read by every trial.

Each entry is one (backbone weights, images, size, precision, view, cut), see
`tuning.trunk.entry_files`. Its images are a shard of an image set, so that a pass that is killed
loses one shard, and several processes or machines that need the same pass share it: each takes the
shards that are free, see `data.locks`. Readers see the shards of a set as one array. An entry that
is incomplete or damaged is not used. Images that another entry of the same trunk, cut and view
holds are copied from there, so that no image passes twice, see `tuning.trunk.reuse`; those that are
known at a shallower cut go on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from data.locks import alone
from data.progress import ProgressCallback
from data.rows import Rows, open_rows
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.entry import EntryFacts
from tuning.trunk.entry_files import EntryFiles, SentEntry
from tuning.trunk.image_set import ImageSet, View
from tuning.trunk.reuse import HeldEntry
from tuning.trunk.room import CacheError, make_room, require_room, room_of
from tuning.trunk.shard_pass import (
    CutAndView,
    Held,
    ShardPass,
    WantedShard,
    bytes_of,
    wanted_shards,
)

__all__ = ["CacheError", "CutAndView", "TrunkCache"]


class TrunkCache:
    """A folder of cached activations within a disk budget; the least recently used go first.

    Args:
        folder: Folder of the entries, made if it is not there.
        budget: Largest number of bytes on disk of all entries together.

    Attributes:
        folder: Folder of the entries.
        budget: Largest number of bytes on disk of all entries together.

    Example:
        >>> import tempfile
        >>> from tuning.backbones import registry, weights
        >>> googlenet = registry.BACKBONES["googlenet"]
        >>> model = TransferModel(googlenet, 64, weights.load(googlenet, "none"))
        >>> pixels = np.zeros((3, 64, 64, 3), np.uint8)
        >>> images = ImageSet.of(pixels, np.array([0, 2]), "fingerprint of the store")
        >>> cache = TrunkCache(Path(tempfile.mkdtemp()), budget=10**9)
        >>> cache.activations(model, images, cuts=[2], views=["plain"])[2, "plain"].shape
        (2, 4, 4, 480)
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self.budget = budget
        folder.mkdir(parents=True, exist_ok=True)
        self._files = EntryFiles(folder)

    def activations(
        self,
        model: TransferModel,
        images: ImageSet,
        cuts: Sequence[int],
        views: Sequence[View],
        progress: ProgressCallback = lambda *_: None,
    ) -> dict[CutAndView, Rows]:
        """Return the activations at the cuts; those that are missing are computed.

        Several processes may call it at once, for the same images or for shards of them.

        Args:
            model: Model whose pretrained weights are used.
            images: Images to pass through the trunk; of a shard of a set, that shard alone.
            cuts: Numbers of stages of the trunk, at least 1.
            views: Views of the images, of `VIEWS`.
            progress: Called with the number of images done and of all, over all views.

        Returns:
            For each cut and view the activations, float16 [n, ...], memory-mapped, read-only.

        Raises:
            CacheError: The budget or the disk is too small.
        """
        shards = wanted_shards(model, images, cuts, views)
        in_use = set(self.keys(model, images.whole or images, cuts, views))
        missing = _with_entries(shards, lambda key: not self._files.is_intact(key))
        if missing:
            needed = sum(bytes_of(model, shard) for shard in missing)
            require_room(self._files, self.budget, needed, in_use - _keys(missing))
            held = self._held(model, images, missing, self._files.is_intact)
            self._make(model, missing, ShardPass(model, missing, held, progress), in_use)
        self._files.touch(in_use)
        return {
            at: open_rows([self._files.npy(shard.entries[at].key) for shard in shards])
            for at in shards[0].entries
        }

    def count_missing(
        self,
        model: TransferModel,
        images: ImageSet,
        cuts: Sequence[int],
        views: Sequence[View],
    ) -> int:
        """Count the passes of one image in one view that `activations` would have to make.

        Entries are believed, not read.

        Args:
            model: Model whose pretrained weights are used.
            images: Images to pass through the trunk.
            cuts: Numbers of stages of the trunk, at least 1.
            views: Views of the images, of `VIEWS`.
        """
        missing = _with_entries(wanted_shards(model, images, cuts, views), self._is_absent)
        if not missing:
            return 0
        held = self._held(model, images, missing, self._files.is_there)
        return ShardPass(model, missing, held).total

    def room(self) -> int:
        """Return the number of bytes that entries of one search may take, others make room."""
        return room_of(self._files, self.budget)

    def keys(
        self,
        model: TransferModel,
        images: ImageSet,
        cuts: Sequence[int],
        views: Sequence[View],
    ) -> list[str]:
        """Return the names of all entries that `activations` makes or reads, sorted.

        Args:
            model: Model whose pretrained weights are used.
            images: Images to pass through the trunk.
            cuts: Numbers of stages of the trunk, at least 1.
            views: Views of the images, of `VIEWS`.
        """
        shards = wanted_shards(model, images, cuts, views)
        return sorted(_keys(shards))

    def read(self, key: str) -> SentEntry | None:
        """Read an entry to send it to another machine's cache.

        Args:
            key: Name of the entry, of `keys`.

        Returns:
            The entry, which can be pickled; None where it is missing or damaged.
        """
        return self._files.read(key)

    def adopt(self, sent: SentEntry, in_use: Collection[str] = ()) -> None:
        """Keep an entry that another machine's cache has read, unless it is there.

        Args:
            sent: The entry.
            in_use: Names of the entries that must not make room for it, of `keys`.

        Raises:
            CacheError: The budget or the disk is too small.
            ValueError: The entry is not what it says.
        """
        sent.check()
        key = sent.stored.key
        with alone(self._files.npy(key)):
            if not self._files.is_intact(key):
                make_room(self._files, self.budget, sent.activations.nbytes, {key, *in_use})
                self._files.write(sent)

    def _is_absent(self, key: str) -> bool:
        return not self._files.is_there(key)

    def _make(
        self,
        model: TransferModel,
        shards: Sequence[WantedShard],
        a_pass: ShardPass,
        in_use: set[str],
    ) -> None:
        """Make the free shards first, and then those that others were at, if they left any."""
        busy = [shard for shard in shards if not self._made(model, shard, a_pass, in_use)]
        for shard in busy:
            self._made(model, shard, a_pass, in_use, wait=True)

    def _made(
        self,
        model: TransferModel,
        shard: WantedShard,
        a_pass: ShardPass,
        in_use: set[str],
        *,
        wait: bool = False,
    ) -> bool:
        name = f"pass-{EntryFacts.of(model, shard.images, cut=0, view='').digest}"
        with alone(self.folder / name, wait=wait) as free:
            if not free:
                return False
            for missing in _with_entries([shard], lambda key: not self._files.is_intact(key)):
                needed, staying = bytes_of(model, missing), in_use - _keys([missing])
                make_room(self._files, self.budget, needed, staying)
                a_pass.write(missing, self._files)
        a_pass.finished(shard)
        return True

    def _held(
        self,
        model: TransferModel,
        images: ImageSet,
        missing: Sequence[WantedShard],
        usable: Callable[[str], bool],
    ) -> Held:
        """Opens entries that hold images of some shards; files stay open when these make room."""
        whole = images.whole or images
        wanted = {digest for shard in missing for digest in shard.images.digests.tolist()}

        def held(at: CutAndView) -> list[HeldEntry]:
            entries = self._files.alike(EntryFacts.of(model, whole, *at))
            of_them = (entry for entry in entries if not wanted.isdisjoint(self._of(entry)))
            return list(self._opened(of_them, usable))

        return held

    def _of(self, entry: EntryFacts) -> list[bytes]:
        return self._files.digests(entry.key).tolist()

    def _opened(
        self, entries: Iterator[EntryFacts], usable: Callable[[str], bool]
    ) -> Iterator[HeldEntry]:
        for entry in entries:
            digests = self._files.digests(entry.key)
            with suppress(OSError, EOFError, ValueError):
                if usable(entry.key):
                    activations = np.load(self._files.npy(entry.key), mmap_mode="r")
                    if len(activations) == len(digests):
                        yield HeldEntry(activations, digests)


def _keys(shards: Sequence[WantedShard]) -> set[str]:
    return {entry.key for shard in shards for entry in shard.entries.values()}


def _with_entries(
    shards: Sequence[WantedShard], chosen: Callable[[str], bool]
) -> list[WantedShard]:
    """The shards that have such entries, each with these alone."""
    parts = (
        shard.only({at: entry for at, entry in shard.entries.items() if chosen(entry.key)})
        for shard in shards
    )
    return [part for part in parts if part.entries]
