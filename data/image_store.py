"""All images of a manifest as one array on disk, decoded once and memory-mapped.

A store is a folder named by its fingerprint with `images.npy` (uint8 [N, size, size, 3]) and
`store.json`, which is written last and so says that the array is complete. Images stream
through: memory does not grow with N. Of several processes or machines that want the same store,
one makes it and the others wait, see `data.locks`.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from data.atomic import remove_leftovers, replacing
from data.images import Framing, ImageError, decode, room_to_decode, to_square
from data.locks import alone
from data.manifest import DataError, require_classes_kept
from data.processors import usable
from data.progress import ProgressCallback
from data.records import read_record, write_record

_VERSION = 1  # Raise it when `decode` or `to_square` give other pixels.
_MOST_BROKEN = 0.05
_BATCH = 256
_IDLE_SECONDS = 600  # A file that is being written grows all the time.


class BrokenImage(NamedTuple):
    """An image that cannot be read.

    Attributes:
        path: Path of its file.
        reason: What is wrong with it, in one line.
    """

    path: str
    reason: str


class _StoreRecord(BaseModel):
    """The content of `store.json`: reasons of the broken images, by row of the manifest."""

    broken: dict[int, str]


@dataclass(frozen=True, eq=False)
class ImageStore:
    """The readable images of a manifest.

    Attributes:
        images: Read-only memory map, uint8 [N, size, size, 3], RGB in 0..255.
        manifest: N rows, in the order of `images`.
        broken: Images that were left out.
        fingerprint: 64 hex digits that change with the files, their order, size or framing.
        size: Side of the images in pixels.
        framing: The part of each image that was kept.

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


def build(
    manifest: pd.DataFrame,
    size: int,
    framing: Framing,
    folder: Path,
    *,
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
        workers: Number of threads that decode; None for one a processor.
        progress: Callback for each image that is decoded.

    Returns:
        The store.

    Raises:
        DataError: More than 5 % of the images are broken, or only one class is left.

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
    digest = fingerprint(paths, size, framing)
    store = folder / digest[:16]
    broken = _complete(store, len(paths), size)
    if broken is None:
        with alone(store):
            broken = _complete(store, len(paths), size)
            if broken is None:
                broken = _write(store, paths, size, framing, workers, progress)
    _refuse_if_too_many(broken, paths)
    readable = np.setdiff1d(np.arange(len(paths)), list(broken))
    kept = manifest.iloc[readable].reset_index(drop=True)
    require_classes_kept(manifest, kept, "the readable images")
    return ImageStore(
        images=np.load(store / "images.npy", mmap_mode="r"),
        manifest=kept,
        broken=tuple(BrokenImage(paths[row], reason) for row, reason in broken.items()),
        fingerprint=digest,
        size=size,
        framing=framing,
    )


def fingerprint(paths: list[str], size: int, framing: Framing) -> str:
    """Hash what makes the pixels: files by name, length and time; size; framing.

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
    return digest.hexdigest()


def _complete(store: Path, count: int, size: int) -> dict[int, str] | None:
    """Broken rows and why, of a store that is whole; None if it is absent or damaged."""
    record = read_record(store / "store.json", _StoreRecord)
    if record is None:
        return None
    broken = record.broken
    try:
        images = np.load(store / "images.npy", mmap_mode="r")  # Fails on a file cut short.
    except (OSError, EOFError, ValueError):
        return None
    whole = images.shape == (count - len(broken), size, size, 3) and images.dtype == np.uint8
    return broken if whole else None


def _write(
    store: Path,
    paths: list[str],
    size: int,
    framing: Framing,
    workers: int | None,
    progress: ProgressCallback | None,
) -> dict[int, str]:
    remove_leftovers(store, _IDLE_SECONDS)
    broken: dict[int, str] = {}
    with replacing(store / "images.npy") as unfinished, unfinished.open("wb") as file:
        _write_header(file, len(paths), size)
        for row, square in enumerate(_squares(paths, size, framing, workers)):
            if isinstance(square, ImageError):
                broken[row] = str(square)
            else:
                file.write(square.data)
            if progress:
                progress(row + 1, len(paths))
        file.seek(0)
        _write_header(file, len(paths) - len(broken), size)
    write_record(store / "store.json", _StoreRecord(broken=broken))
    return broken


def _write_header(file: BinaryIO, count: int, size: int) -> None:
    """NumPy pads the header, so that another count can be written over it."""
    facts = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
    np.lib.format.write_array_header_1_0(file, facts)


def _squares(
    paths: list[str], size: int, framing: Framing, workers: int | None
) -> Iterator[np.ndarray | ImageError]:
    """The images in order, a batch at a time in flight."""

    def square(path: str) -> np.ndarray | ImageError:
        try:
            with room_to_decode(Path(path)):
                return to_square(decode(Path(path)), size, framing)
        except ImageError as error:
            return error

    # Threads: Pillow decodes and resizes without the interpreter lock.
    with ThreadPoolExecutor(workers or usable()) as pool:
        for start in range(0, len(paths), _BATCH):
            yield from pool.map(square, paths[start : start + _BATCH])


def _refuse_if_too_many(broken: dict[int, str], paths: list[str]) -> None:
    if len(broken) <= _MOST_BROKEN * len(paths):
        return
    some = "; ".join(f"{paths[row]} ({reason})" for row, reason in list(broken.items())[:3])
    raise DataError(
        f"{len(broken):,} of {len(paths):,} images are broken, more than {_MOST_BROKEN:.0%}: {some}"
    )
