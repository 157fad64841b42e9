"""All images of a manifest as one array on disk, decoded once and memory-mapped.

A store is a folder named by its fingerprint: the images, uint8 [N, size, size, 3], in one file or
in shards of rows, see `data.image_shards`, and `store.json`, which is written last and so says that
they are complete. Images stream through: memory does not grow with N. Processes or machines that
want the same store make its shards together, and one that is interrupted goes on.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pandas as pd
from pydantic import Field

from data.atomic import remove_leftovers
from data.image_shards import (
    Decoding,
    FaceSearch,
    LeftOut,
    digests_of,
    make,
    open_digests,
    open_images,
    shard_paths,
    shards,
)
from data.images import Framing
from data.kept_squares import find_kept, source_digests
from data.manifest import DataError, require_classes_kept
from data.processors import usable
from data.progress import ProgressCallback
from data.records import read_record, write_record
from data.rows import Rows

_VERSION = 1  # Raise it when `decode` or `to_square` give other pixels.
_MOST_BROKEN = 0.05
_MOST_FACELESS = 0.5
_RECORD = "store.json"
_IDLE_SECONDS = 600  # A file that is being written grows all the time.


class BrokenImage(NamedTuple):
    """An image that cannot be used.

    Attributes:
        path: Path of its file.
        reason: What is wrong with it, in one line.
    """

    path: str
    reason: str


class _StoreRecord(LeftOut):
    """The content of `store.json`.

    Attributes:
        parts: Number of files of images; in versions before shards there was always one.
    """

    parts: int = Field(1, ge=1, le=64)


@dataclass(frozen=True, eq=False)
class ImageStore:
    """The readable images of a manifest.

    Attributes:
        images: Read-only memory map, or several that are read as one, see `data.rows`; uint8
            [N, size, size, 3], RGB in 0..255.
        manifest: N rows, in the order of `images`.
        broken: Images that were left out.
        fingerprint: 64 hex digits that change with the files, their order, size, framing, or the
            search for faces.
        size: Side of the images in pixels.
        framing: The part of each image that was kept.
        faceless: Number of those left out in which no face was found that can be used.
        guessed: Number of those of which a guess is used, see `data.image_shards.Guess`.
        shards: Paths of the files that hold the images, without suffix.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("a.png", "b.png"):
        ...     Image.new("RGB", (40, 30)).save(folder / name)
        >>> paths = [str(folder / name) for name in ("a.png", "b.png")]
        >>> store = build(pd.DataFrame({"path": paths, "label": [0, 1]}), 32, "crop", folder)
        >>> store.images[store.manifest["label"] == 1].shape, store.broken
        ((1, 32, 32, 3), ())
    """

    images: Rows
    manifest: pd.DataFrame
    broken: tuple[BrokenImage, ...]
    fingerprint: str
    size: int
    framing: Framing
    faceless: int = 0
    guessed: int = 0
    shards: tuple[Path, ...] = ()

    @cached_property
    def digests(self) -> np.ndarray:
        """Digest of each image's pixels, S16 [N]; kept since there are shards."""
        kept = open_digests(self.shards, len(self.images))
        return digests_of(self.images) if kept is None else kept


def build(
    manifest: pd.DataFrame,
    size: int,
    framing: Framing,
    folder: Path,
    *,
    search: FaceSearch | None = None,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> ImageStore:
    """Decode a manifest's images into a store, or open the one that is there.

    A store is found again by names, sizes and times of the image files; one that is damaged or
    incomplete is completed, and what other stores in the folder hold is copied from them. Several
    processes or machines may build it at once.

    Args:
        manifest: Manifest of the N images, with `path` and `label`.
        size: Side of the stored images in pixels.
        framing: The part of each image to keep, see `data.images.framed`.
        folder: Folder of all stores.
        search: How faces are found where images are not aligned; None to find none.
        workers: Number of threads that decode, or of processes where there are many images; None
            for one a processor.
        progress: Called with the number of images that are done and of all.

    Returns:
        The store.

    Raises:
        DataError: More than 5 % of the images are broken, most of those in which faces were
            searched for show none, or a label has one class left.

    Example:
        >>> import tempfile
        >>> from data import load
        >>> from data.synthetic import generate
        >>> folder = Path(tempfile.mkdtemp())
        >>> manifest = load(generate(folder / "portraits", 6)).manifest
        >>> store = build(manifest, size=32, framing="face", folder=folder / "cache")
        >>> store.images.shape, store.images.dtype
        ((6, 32, 32, 3), dtype('uint8'))
    """
    paths = manifest["path"].tolist()
    digest = fingerprint(paths, size, framing, search)
    store = folder / digest[:16]
    if _opened(store, len(paths), size) is None:
        remove_leftovers(store, _IDLE_SECONDS)
        sources = source_digests(paths, _ways(len(paths), size, framing, search))
        others = find_kept(folder, sources, size)
        decoding = Decoding(paths, framing, search, workers or usable(), sources, others)
        _make(store, size, decoding, progress)
    record, images = _opened(store, len(paths), size) or _gone(store)
    _refuse_if_too_many(record, paths, search)
    usable_rows = np.setdiff1d(np.arange(len(manifest)), list(record.rows))
    kept = manifest.iloc[usable_rows].reset_index(drop=True)
    require_classes_kept(manifest, kept, "the readable images")
    return ImageStore(
        images=images,
        manifest=kept,
        broken=tuple(BrokenImage(paths[row], reason) for row, reason in record.rows.items()),
        fingerprint=digest,
        size=size,
        framing=framing,
        faceless=len(record.faceless),
        guessed=len(record.guessed),
        shards=tuple(shard_paths(store, record.parts)),
    )


def reopen(
    manifest: pd.DataFrame, size: int, framing: Framing, folder: Path, fingerprint: str
) -> ImageStore | None:
    """Open a store that was built before by its fingerprint, whatever became of the files since.

    Args:
        manifest: Manifest of the N images in the store, `ImageStore.manifest` as it was.
        size: Side of the stored images in pixels.
        framing: The part of each image that was kept.
        folder: Folder of all stores.
        fingerprint: Fingerprint of the store.

    Returns:
        The store; None if it is gone or damaged.

    Example:
        >>> reopen(pd.DataFrame({"path": []}), 96, "face", Path("cache"), "0a1b") is None
        True
    """
    store = folder / fingerprint[:16]
    record = read_record(store / _RECORD, _StoreRecord)
    opened = record and _opened(store, len(manifest) + len(record.rows), size)
    if not record or not opened:
        return None
    paths = tuple(shard_paths(store, record.parts))
    return ImageStore(opened[1], manifest, (), fingerprint, size, framing, shards=paths)


def fingerprint(
    paths: list[str], size: int, framing: Framing, search: FaceSearch | None = None
) -> str:
    """Hash what makes the pixels: files by name, length and time; size; framing; search for faces.

    Returns:
        SHA-256, 64 hex digits.

    Example:
        >>> small, large = (fingerprint(["face.jpg"], size, "face") for size in (64, 96))
        >>> len(small), small == large
        (64, False)
    """
    digest = hashlib.sha256(f"{_VERSION} {size} {framing}\n".encode())
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - 200,000 of them
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "missing"
        digest.update(f"{path}\0{state}\n".encode(errors="surrogateescape"))
    if search is not None and search.rows.any():
        digest.update(f"{search.version}\n".encode() + np.packbits(search.rows).tobytes())
    return digest.hexdigest()


def _ways(count: int, size: int, framing: Framing, search: FaceSearch | None) -> list[str]:
    """In words how the square of each of `count` images is made."""
    cropped = f"{_VERSION} {size} {framing}"
    if search is None:
        return [cropped] * count
    found = f"{cropped} {search.version}"
    return [found if searched else cropped for searched in search.rows]


def _opened(store: Path, count: int, size: int) -> tuple[_StoreRecord, Rows] | None:
    """The record and the images of a store that is whole; None if it is absent or damaged."""
    record = read_record(store / _RECORD, _StoreRecord)
    if record is None:
        return None
    paths = shard_paths(store, record.parts)
    images = open_images(paths, count - len(record.rows), size)
    return None if images is None else (record, images)


def _make(store: Path, size: int, decoding: Decoding, progress: ProgressCallback | None) -> None:
    parts = shards(store, len(decoding.paths), size)
    make(parts, decoding, progress)
    record = _StoreRecord(broken={}, faceless={}, parts=len(parts))
    for left_out in (shard.complete() or _gone(store) for shard in parts):
        record.broken |= left_out.broken
        record.faceless |= left_out.faceless
        record.guessed |= left_out.guessed
    write_record(store / _RECORD, record)


def _gone(store: Path) -> NoReturn:
    raise DataError(f"{store} was deleted or damaged while it was made: run it again")


def _refuse_if_too_many(record: _StoreRecord, paths: list[str], search: FaceSearch | None) -> None:
    if len(record.broken) > _MOST_BROKEN * len(paths):
        raise DataError(
            f"{len(record.broken):,} of {len(paths):,} images are broken, more than "
            f"{_MOST_BROKEN:.0%}: {_first(record.broken, paths)}"
        )
    searched = int(search.rows.sum()) if search is not None else 0
    if len(record.faceless) > _MOST_FACELESS * searched:
        raise DataError(
            f"most images show no face that can be used, {len(record.faceless):,} of the "
            f"{searched:,} that were searched: {_first(record.faceless, paths)}; FRAMING=stretch "
            "or crop takes images as they are, FRAMING=face those that are aligned as CelebA's"
        )


def _first(reasons: dict[int, str], paths: list[str]) -> str:
    return "; ".join(f"{paths[row]} ({reason})" for row, reason in list(reasons.items())[:3])
