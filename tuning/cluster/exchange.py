"""Images and activations on their way between machines that share no folder.

An actor on the driver's machine serves what the run has, one part at a time, so that memory stays
flat: images by the number of their part, activations by the name of their entry; nobody names a
path. What a worker has computed comes back the same way, so that no image passes twice: entries of
a smaller sample, or at a shallower cut, are fetched as well where a pass goes on from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.atomic import replacing
from data.locks import alone
from data.progress import ProgressCallback
from data.rows import Rows, shards_of
from tuning.backbones.transfer_model import TransferModel
from tuning.cluster.errors import ClusterError
from tuning.cluster.inputs import RunInputs
from tuning.trunk.cache import CacheError, CutAndView, TrunkCache
from tuning.trunk.entry import EntryFacts
from tuning.trunk.entry_files import EntryFiles, SentEntry
from tuning.trunk.image_set import ImageSet, View
from tuning.trunk.reuse import HeldEntry
from tuning.trunk.shard_pass import Held, WantedShard

if TYPE_CHECKING:
    from ray.actor import ActorHandle

_KEY = re.compile(r"[a-z0-9]+-[0-9a-f]{24}")  # see `EntryFacts.key`


class Exchange:
    """Serves a run's images and activations to machines that cannot see their folders.

    Args:
        run: What the driver sends to workers, without rows, see `RunInputs.without_rows`.

    Raises:
        ClusterError: The images are not there.
    """

    def __init__(self, run: RunInputs) -> None:
        store = run.open_store()
        if store is None:
            raise ClusterError(f"the run's images are gone from {run.images}")
        self._images = store.images
        self._cache = TrunkCache(run.cache, run.cache_bytes)
        self._files = EntryFiles(run.cache)

    def images(self, number: int) -> np.ndarray:
        """Return a part of the images.

        Args:
            number: Its number, see `data.rows.shards_of`.

        Returns:
            Images, uint8 [n, size, size, 3].
        """
        return self._images[shards_of(len(self._images))[number]]

    def entry(self, key: str) -> SentEntry | None:
        """Return an entry of the trunk cache, None where it is not there.

        Args:
            key: Its name, of `TrunkCache.keys`.

        Raises:
            ValueError: It is no name of an entry.
        """
        return self._cache.read(_checked(key))

    def holding(self, like: EntryFacts, digests: np.ndarray) -> list[str]:
        """Return the names of entries of the same trunk, cut and view that hold some of the images.

        Args:
            like: Facts of such an entry, whatever its images.
            digests: Digests of the images, S16 [n].

        Raises:
            ValueError: These are no facts of an entry.
        """
        _checked(like.key)
        entries = self._files.alike(like)
        return [e.key for e in entries if np.isin(self._files.digests(e.key), digests).any()]

    def adopt(self, sent: SentEntry, in_use: Sequence[str]) -> None:
        """Keep an entry that a worker has computed.

        Args:
            sent: The entry.
            in_use: Names of entries that must not make room for it.

        Raises:
            CacheError: The budget or the disk is too small.
            ValueError: The entry is not what it says.
        """
        _checked(sent.stored.key)
        self._cache.adopt(sent, in_use)


class FetchedImages:
    """The images of a run on a machine that has none: parts are fetched when rows are asked for.

    It is read as an array, uint8 [N, size, size, 3].

    Args:
        exchange: The actor that serves them.
        folder: Folder that parts are kept in.
        count: Number of images.
        size: Their side, pixels.

    Attributes:
        shape: Shape of the array.
        dtype: uint8.
    """

    def __init__(
        self, exchange: ActorHandle[Exchange], folder: Path, count: int, size: int
    ) -> None:
        self._exchange = exchange
        self._folder = folder
        self._slices = shards_of(count)
        self._ends = np.array([part.stop for part in self._slices])
        self._parts: dict[int, np.ndarray] = {}
        self.shape = (count, size, size, 3)
        self.dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return one row (int), neighbors (slice) or any rows (int or bool [n])."""
        index = np.arange(len(self))[rows]
        wanted = index.reshape(-1)
        gathered = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        numbers = np.searchsorted(self._ends, wanted, side="right")
        for number in np.unique(numbers).tolist():
            at = numbers == number
            gathered[at] = self._part(number)[wanted[at] - self._slices[number].start]
        return gathered if index.ndim else gathered[0]

    def _part(self, number: int) -> np.ndarray:
        if number not in self._parts:
            self._parts[number] = self._opened(number)
        return self._parts[number]

    def _opened(self, number: int) -> np.ndarray:
        path = self._folder / f"images-{number:02d}.npy"
        with alone(path):
            kept = self._kept(path, number)
            if kept is not None:
                return kept
            images = _got(self._exchange.images.remote(number))
            with replacing(path) as new, new.open("wb") as file:
                np.save(file, images)
        kept = self._kept(path, number)
        if kept is None:
            raise ClusterError(f"part {number} of the images did not arrive whole")
        return kept

    def _kept(self, path: Path, number: int) -> np.ndarray | None:
        part = self._slices[number]
        try:
            images = np.load(path, mmap_mode="r")
        except (OSError, EOFError, ValueError):
            return None
        whole = images.shape == (part.stop - part.start, *self.shape[1:])
        return images if whole and images.dtype == self.dtype else None


class ExchangedCache(TrunkCache):
    """A trunk cache of this machine's own, filled from the run's and filling it.

    Args:
        folder: Folder of the entries.
        budget: Largest number of bytes on disk of all entries together.
        exchange: The actor that serves the run's entries.
    """

    def __init__(self, folder: Path, budget: int, exchange: ActorHandle[Exchange]) -> None:
        super().__init__(folder, budget)
        self._exchange = exchange

    def activations(
        self,
        model: TransferModel,
        images: ImageSet,
        cuts: Sequence[int],
        views: Sequence[View],
        progress: ProgressCallback = lambda *_: None,
    ) -> dict[CutAndView, Rows]:
        """Return the activations at the cuts, see `TrunkCache.activations`."""
        new = self._fetch_all(model, images, cuts, views)
        found = super().activations(model, images, cuts, views, progress)
        in_use = self.keys(model, images.whole or images, cuts, views)
        for key in new:
            _got(self._exchange.adopt.remote(self.read(key), in_use))
        return found

    def count_missing(
        self,
        model: TransferModel,
        images: ImageSet,
        cuts: Sequence[int],
        views: Sequence[View],
    ) -> int:
        """Count the passes that are needed, see `TrunkCache.count_missing`."""
        self._fetch_all(model, images, cuts, views)
        return super().count_missing(model, images, cuts, views)

    def _held(
        self,
        model: TransferModel,
        images: ImageSet,
        missing: Sequence[WantedShard],
        usable: Callable[[str], bool],
    ) -> Held:
        """Open what holds some of the images here, once what holds them at home has been fetched.

        A pass is shorter where they are known, and works where there is no room for them.
        """
        here = super()._held(model, images, missing, usable)
        digests = np.concatenate([shard.images.digests for shard in missing])
        in_use = {entry.key for shard in missing for entry in shard.entries.values()}

        def held(at: CutAndView) -> Sequence[HeldEntry]:
            like = EntryFacts.of(model, images.whole or images, *at)
            with suppress(CacheError):
                for key in _got(self._exchange.holding.remote(like, digests)):
                    if not self._files.is_intact(key):
                        self._fetch(key, in_use)
            return here(at)

        return held

    def _fetch_all(
        self, model: TransferModel, images: ImageSet, cuts: Sequence[int], views: Sequence[View]
    ) -> list[str]:
        """Fetch the entries that are not here; the names of those that are nowhere."""
        in_use = self.keys(model, images.whole or images, cuts, views)
        wanted = self.keys(model, images, cuts, views)
        missing = [key for key in wanted if not self._files.is_intact(key)]
        return [key for key in missing if not self._fetch(key, in_use)]

    def _fetch(self, key: str, in_use: Collection[str]) -> bool:
        sent = _got(self._exchange.entry.remote(key))
        if sent is None:
            return False
        if sent.stored.key != key:
            raise ClusterError(f"another entry than {key} arrived")
        self.adopt(sent, in_use)
        return True


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} names no entry of a trunk cache")
    return key


def _got(reference: Any) -> Any:
    import ray

    return ray.get(reference)
