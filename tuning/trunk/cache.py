"""The frozen-trunk cache: activations at the cuts, computed once and read by every trial.

Each entry is one (backbone weights, image set, size, precision, view, cut): a float16 `.npy` file,
memory-mapped by its readers, and beside it a `.json` file with what it holds and a checksum, and an
`.images` file with a digest of each image. An entry without its `.json` file, or with another size
or checksum than it says, is not used. Images that another entry of the same trunk, cut and view
holds are copied from there, so that no image passes twice, see `tuning.trunk.reuse`. Of several
processes or machines that need the same pass over the same images one makes it and the
others wait, see `data.locks`.
"""

from __future__ import annotations

import math
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from data.atomic import is_temporary, remove_leftovers, replacing
from data.locks import alone
from data.progress import ProgressCallback
from data.records import read_record, write_record
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.entry import EntryFacts, StoredEntry
from tuning.trunk.forward_pass import Shapes, open_files, write_activations
from tuning.trunk.image_set import VIEWS, ImageSet, View
from tuning.trunk.reuse import HeldEntry, KnownActivations, packed, unpacked

DepthAndView = tuple[int, View]
"""Which activations of some images: the fine-tuning depth of the cut, and the view."""

_CHECKSUM_BLOCK = 1 << 24
_KEEP_FREE = 1 << 30
_SAFE_SHARE = 0.99  # for headers of files
_IDLE_SECONDS = 600  # A file that is being written grows all the time.


class CacheError(RuntimeError):
    """The cache can't hold what the study needs."""


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
        >>> cache.activations(model, images, depths=[0], views=["plain"])[0, "plain"].shape
        (2, 1024)
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self.budget = budget
        folder.mkdir(parents=True, exist_ok=True)

    def activations(
        self,
        model: TransferModel,
        images: ImageSet,
        depths: Sequence[int],
        views: Sequence[View],
        progress: ProgressCallback = lambda *_: None,
    ) -> dict[DepthAndView, np.ndarray]:
        """Return the activations at the cuts; those that are missing are computed.

        Args:
            model: Model with its pretrained weights in place.
            images: Images to pass through the trunk.
            depths: Fine-tuning depths below the model's `max_depth`.
            views: Views of the images, of `VIEWS`.
            progress: Called with the number of images done and of all, over all views.

        Returns:
            For each depth and view a read-only memory map, float16 [n, ...].

        Raises:
            CacheError: The budget or the disk is too small.
        """
        entries = {(d, v): EntryFacts.of(model, images, d, v) for v in views for d in depths}
        missing = self._missing(entries)
        if missing:
            a_pass = f"pass-{EntryFacts.of(model, images, depth=0, view='').digest}"
            with alone(self.folder / a_pass):
                missing = self._missing(missing)
                if missing:
                    shapes = _shapes(model, len(images), missing)
                    size = sum(2 * math.prod(shapes[depth]) for depth, _ in missing)
                    known = {at: self._known(entry, images) for at, entry in missing.items()}
                    self._make_room(size, {entry.key for entry in entries.values()})
                    self._compute(model, images, missing, known, shapes, progress)
        for entry in entries.values():
            os.utime(self._json(entry))
        return {at: np.load(self._npy(entry), mmap_mode="r") for at, entry in entries.items()}

    def count_missing(
        self,
        model: TransferModel,
        images: ImageSet,
        depths: Sequence[int],
        views: Sequence[View],
    ) -> int:
        """Count the passes of one image in one view that `activations` would have to make.

        Args:
            model: Model with its pretrained weights in place.
            images: Images to pass through the trunk.
            depths: Fine-tuning depths below the model's `max_depth`.
            views: Views of the images, of `VIEWS`.
        """
        count = 0
        for view in views:
            entries = [EntryFacts.of(model, images, depth, view) for depth in depths]
            missing = [entry for entry in entries if not self._json(entry).exists()]
            held = [self._digests_alike(entry) for entry in missing]
            count += sum(any(digest not in at for at in held) for digest in images.digests)
        return count

    def room(self) -> int:
        """Return the number of bytes that entries of one search may take, others make room."""
        held = sum(_size(path) for path in self.folder.glob("*.npy"))
        free = max(0, self._free() + held - _KEEP_FREE)
        return int(_SAFE_SHARE * min(self.budget, free))

    def _digests_alike(self, entry: EntryFacts) -> set[bytes]:
        """Digests of the images in entries of the same trunk, cut and view; none is checked."""
        return {digest for _, digests in self._alike(entry) for digest in digests}

    def _compute(
        self,
        model: TransferModel,
        images: ImageSet,
        missing: Mapping[DepthAndView, EntryFacts],
        known: Mapping[DepthAndView, KnownActivations],
        shapes: Shapes,
        progress: ProgressCallback,
    ) -> None:
        views = [view for view in VIEWS if any(view == other for _, other in missing)]
        for number, view in enumerate(views):
            entries = {depth: entry for (depth, of), entry in missing.items() if of == view}
            paths = {depth: self._npy(entry) for depth, entry in entries.items()}
            of_view = {depth: known[depth, view] for depth in entries}
            shown = _part_of(progress, number, len(views))
            with open_files(paths, shapes) as files:
                write_activations(model, images, view, files, of_view, shown)
            for depth, file in files.items():
                with replacing(self._images(entries[depth])) as new:
                    new.write_bytes(packed(images.digests))
                self._commit(entries[depth], file.crc32)

    def _alike(self, entry: EntryFacts) -> Iterator[tuple[StoredEntry, list[bytes]]]:
        """Entries of the same trunk, cut and view for other images, if they say which."""
        for path in sorted(self.folder.glob(f"{entry.backbone}-*.json")):
            stored = read_record(path, StoredEntry)
            if stored and stored.is_like(entry):
                with suppress(OSError):
                    yield stored, unpacked(self._images(stored).read_bytes())

    def _known(self, entry: EntryFacts, images: ImageSet) -> KnownActivations:
        """What other entries hold of some images; a file stays open when its entry makes room."""
        intact = (
            HeldEntry(np.load(self._npy(stored), mmap_mode="r"), digests)
            for stored, digests in self._alike(entry)
            if self._is_intact(stored)
        )
        whole = [held for held in intact if len(held.activations) == len(held.digests)]
        return KnownActivations(images.digests, whole)

    def _images(self, entry: EntryFacts) -> Path:
        return self.folder / f"{entry.key}.images"

    def _npy(self, entry: EntryFacts) -> Path:
        return self.folder / f"{entry.key}.npy"

    def _json(self, entry: EntryFacts) -> Path:
        return self.folder / f"{entry.key}.json"

    def _commit(self, entry: EntryFacts, crc32: int) -> None:
        size = self._npy(entry).stat().st_size
        write_record(self._json(entry), StoredEntry(**dict(entry), bytes=size, crc32=crc32))

    def _missing(
        self, entries: Mapping[DepthAndView, EntryFacts]
    ) -> dict[DepthAndView, EntryFacts]:
        return {at: entry for at, entry in entries.items() if not self._is_intact(entry)}

    def _is_intact(self, entry: EntryFacts) -> bool:
        stored = read_record(self._json(entry), StoredEntry)
        if stored is None:
            return False
        try:
            array = np.load(self._npy(entry), mmap_mode="r")
            return self._npy(entry).stat().st_size == stored.bytes and _crc32(array) == stored.crc32
        except (OSError, EOFError, ValueError):
            return False

    def _make_room(self, needed: int, in_use: set[str]) -> None:
        remove_leftovers(self.folder, _IDLE_SECONDS)
        files = [path for path in self.folder.glob("*.npy") if not is_temporary(path)]
        sizes = {path: _size(path) for path in sorted(files, key=_last_use)}
        used = sum(sizes.values())
        for path, size in sizes.items():
            if used + needed <= self.budget and self._free() >= needed + _KEEP_FREE:
                return
            if path.stem in in_use:
                continue
            used -= size
            for suffix in (".json", ".images", ".npy"):
                path.with_suffix(suffix).unlink(missing_ok=True)  # Others may make room as well.
        if used + needed > self.budget:
            raise CacheError(
                f"the trunk cache needs {needed / 1e9:.1f} GB, more than CACHE_GB="
                f"{self.budget / 1e9:g} allows: raise it, or use fewer SAMPLES or a smaller SIZE"
            )
        if self._free() < needed + _KEEP_FREE:
            raise CacheError(
                f"the trunk cache needs {needed / 1e9:.1f} GB in {self.folder}, where "
                f"{self._free() / 1e9:.1f} GB are free: free some, or use fewer SAMPLES"
            )

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free


def _shapes(model: TransferModel, images: int, wanted: Iterable[DepthAndView]) -> Shapes:
    depths = sorted({depth for depth, _ in wanted})
    outputs = model.trunk(depths).outputs
    return {d: (images, *output.shape[1:]) for d, output in zip(depths, outputs, strict=True)}


def _part_of(progress: ProgressCallback, view: int, views: int) -> ProgressCallback:
    return lambda done, total: progress(view * total + done, views * total)


def _crc32(array: np.ndarray) -> int:
    flat = array.reshape(-1)
    crc32 = 0
    for start in range(0, len(flat), _CHECKSUM_BLOCK):
        crc32 = zlib.crc32(flat[start : start + _CHECKSUM_BLOCK].tobytes(), crc32)
    return crc32


def _last_use(path: Path) -> float:
    try:
        return path.with_suffix(".json").stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
