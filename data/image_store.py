"""All images of a manifest as one array on disk, decoded once and memory-mapped.

A store is a folder named by its fingerprint with `images.npy` (uint8 [N, size, size, 3]) and
`store.json`, which is written last and so says that the array is complete. Images stream
through: memory does not grow with N. Of several processes or machines that want the same store,
one makes it and the others wait, see `data.locks`.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from data.atomic import remove_leftovers, replacing
from data.images import Framing, ImageError, NoFaceError, decode, room_to_decode, to_square
from data.locks import alone
from data.manifest import DataError, require_classes_kept
from data.processors import usable
from data.progress import ProgressCallback
from data.records import read_record, write_record

_VERSION = 1  # Raise it when `decode` or `to_square` give other pixels.
_MOST_BROKEN = 0.05
_MOST_FACELESS = 0.5
_BATCH = 256
_IDLE_SECONDS = 600  # A file that is being written grows all the time.


class BrokenImage(NamedTuple):
    """An image that cannot be used.

    Attributes:
        path: Path of its file.
        reason: What is wrong with it, in one line.
    """

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class FaceSearch:
    """How faces are found in images that are not aligned, by a detector that `data` knows not.

    Attributes:
        cut_out: Function that takes the path of an image and a size, and gives its face as the
            square that a classifier sees, uint8 [size, size, 3]. It raises `NoFaceError` where
            there is none, `ImageError` where the image cannot be read; several threads call it.
        version: Text that changes when the same images give other squares.
        rows: Whether the face is searched for in each of the N images, bool [N]; the others are
            cropped as they are.

    Example:
        >>> def red(path: Path, size: int) -> np.ndarray:
        ...     return np.full((size, size, 3), (255, 0, 0), np.uint8)
        >>> search = FaceSearch(red, version="red 1", rows=np.array([True, False]))
        >>> int(search.rows.sum())
        1
    """

    cut_out: Callable[[Path, int], np.ndarray]
    version: str
    rows: np.ndarray


class _StoreRecord(BaseModel):
    """The content of `store.json`.

    Attributes:
        broken: Reasons of the images that cannot be read, by row of the manifest.
        faceless: The same of those that show no face that can be used.
    """

    broken: dict[int, str]
    faceless: dict[int, str] = {}

    @property
    def left_out(self) -> dict[int, str]:
        """Reasons of all images that are not in the store, in order of their rows."""
        return dict(sorted((self.broken | self.faceless).items()))


@dataclass(frozen=True, eq=False)
class ImageStore:
    """The readable images of a manifest.

    Attributes:
        images: Read-only memory map, uint8 [N, size, size, 3], RGB in 0..255.
        manifest: N rows, in the order of `images`.
        broken: Images that were left out.
        fingerprint: 64 hex digits that change with the files, their order, size, framing, or the
            search for faces.
        size: Side of the images in pixels.
        framing: The part of each image that was kept.
        faceless: Number of those left out in which no face was found that can be used.

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

    images: np.ndarray
    manifest: pd.DataFrame
    broken: tuple[BrokenImage, ...]
    fingerprint: str
    size: int
    framing: Framing
    faceless: int = 0


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
    incomplete is made anew.

    Args:
        manifest: Manifest of the N images, with `path` and `label`.
        size: Side of the stored images in pixels.
        framing: The part of each image to keep, see `data.images.framed`.
        folder: Folder of all stores.
        search: How faces are found where images are not aligned; None to find none.
        workers: Number of threads that decode; None for one a processor.
        progress: Callback for each image that is decoded.

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
    record = _complete(store, len(paths), size)
    if record is None:
        with alone(store):
            record = _complete(store, len(paths), size)
            if record is None:
                squares = _squares(paths, size, framing, search, workers)
                record = _write(store, squares, len(paths), size, progress)
    _refuse_if_too_many(record, paths, search)
    return _opened(store, record, manifest, digest, size, framing)


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
    record = read_record(store / "store.json", _StoreRecord)
    if record is None or not _complete(store, len(manifest) + len(record.left_out), size):
        return None
    images = np.load(store / "images.npy", mmap_mode="r")
    return ImageStore(images, manifest, (), fingerprint, size, framing)


def _opened(
    store: Path,
    record: _StoreRecord,
    manifest: pd.DataFrame,
    digest: str,
    size: int,
    framing: Framing,
) -> ImageStore:
    left_out = record.left_out
    usable_rows = np.setdiff1d(np.arange(len(manifest)), list(left_out))
    kept = manifest.iloc[usable_rows].reset_index(drop=True)
    require_classes_kept(manifest, kept, "the readable images")
    paths = manifest["path"].tolist()
    return ImageStore(
        images=np.load(store / "images.npy", mmap_mode="r"),
        manifest=kept,
        broken=tuple(BrokenImage(paths[row], reason) for row, reason in left_out.items()),
        fingerprint=digest,
        size=size,
        framing=framing,
        faceless=len(record.faceless),
    )


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


def _complete(store: Path, count: int, size: int) -> _StoreRecord | None:
    """The record of a store that is whole; None if it is absent or damaged."""
    record = read_record(store / "store.json", _StoreRecord)
    if record is None:
        return None
    try:
        images = np.load(store / "images.npy", mmap_mode="r")  # Fails on a file cut short.
    except (OSError, EOFError, ValueError):
        return None
    shape = (count - len(record.left_out), size, size, 3)
    return record if images.shape == shape and images.dtype == np.uint8 else None


def _write(
    store: Path,
    squares: Iterator[np.ndarray | ImageError],
    count: int,
    size: int,
    progress: ProgressCallback | None,
) -> _StoreRecord:
    remove_leftovers(store, _IDLE_SECONDS)
    record = _StoreRecord(broken={}, faceless={})
    with replacing(store / "images.npy") as unfinished, unfinished.open("wb") as file:
        _write_header(file, count, size)
        for row, square in enumerate(squares):
            if isinstance(square, NoFaceError):
                record.faceless[row] = str(square)
            elif isinstance(square, ImageError):
                record.broken[row] = str(square)
            else:
                file.write(square.data)
            if progress:
                progress(row + 1, count)
        file.seek(0)
        _write_header(file, count - len(record.left_out), size)
    write_record(store / "store.json", record)
    return record


def _write_header(file: BinaryIO, count: int, size: int) -> None:
    """NumPy pads the header, so that another count can be written over it."""
    facts = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
    np.lib.format.write_array_header_1_0(file, facts)


def _squares(
    paths: list[str],
    size: int,
    framing: Framing,
    search: FaceSearch | None,
    workers: int | None,
) -> Iterator[np.ndarray | ImageError]:
    """The images in order, a batch at a time in flight."""

    def square(row: int) -> np.ndarray | ImageError:
        path = Path(paths[row])
        try:
            with room_to_decode(path):
                if search is not None and search.rows[row]:
                    return np.ascontiguousarray(search.cut_out(path, size))
                return to_square(decode(path), size, framing)
        except ImageError as error:
            return error

    # Threads: Pillow and onnxruntime work without the interpreter lock.
    with ThreadPoolExecutor(workers or usable()) as pool:
        for start in range(0, len(paths), _BATCH):
            yield from pool.map(square, range(start, min(start + _BATCH, len(paths))))


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


def digests_of(images: Iterable[np.ndarray]) -> np.ndarray:
    """Hash the pixels of images, by which they are known wherever they stand.

    Args:
        images: Images, uint8 [size, size, 3] each.

    Returns:
        BLAKE2b of each, 16 bytes, S16 [n].

    Example:
        >>> digests = digests_of(np.zeros((2, 8, 8, 3), np.uint8))
        >>> digests.dtype, digests[0] == digests[1]
        (dtype('S16'), np.True_)
    """
    digests = (
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16) for image in images
    )
    return np.frombuffer(b"".join(digest.digest() for digest in digests), "S16")
