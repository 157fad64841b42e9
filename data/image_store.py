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
from typing import BinaryIO

import numpy as np
import pandas as pd

from data.atomic import read_json, remove_leftovers, replacing, write_json
from data.images import Framing, ImageError, decode, room_to_decode, to_square
from data.locks import alone
from data.manifest import DataError, require_both_classes
from data.processors import usable
from data.progress import ProgressCallback

_VERSION = 1  # Raise it when `decode` or `to_square` give other pixels.
_MOST_BROKEN = 0.05
_BATCH = 256
_IDLE_SECONDS = 600  # A file that is being written grows all the time.


@dataclass(frozen=True, eq=False)
class ImageStore:
    """The readable images of a manifest.

    `images` is a read-only memory map, uint8 [N, size, size, 3], RGB in 0..255; row i shows
    row i of `manifest`. `broken` has path and reason of each image that was left out.
    `fingerprint` (64 hex digits) changes with the files, their order, size or framing.
    """

    images: np.ndarray
    manifest: pd.DataFrame
    broken: tuple[tuple[str, str], ...]
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
    """Decode a manifest's images into a store under `folder`, or open the one that is there.

    A store is found again by names, sizes and times of the image files; one that is damaged or
    incomplete is made anew. `workers` threads decode (None: one a processor).

    Raises:
        DataError: more than 5 % of the images are broken, or only one class is left.
    """
    paths = manifest["path"].tolist()
    mark = fingerprint(paths, size, framing)
    place = folder / mark[:16]
    broken = _complete(place, len(paths), size)
    if broken is None:
        with alone(place):
            broken = _complete(place, len(paths), size)
            if broken is None:
                broken = _write(place, paths, size, framing, workers, progress)
    _refuse_if_too_many(broken, paths)
    readable = np.setdiff1d(np.arange(len(paths)), list(broken))
    kept = manifest.iloc[readable].reset_index(drop=True)
    require_both_classes(kept["label"], "the readable images")
    return ImageStore(
        images=np.load(place / "images.npy", mmap_mode="r"),
        manifest=kept,
        broken=tuple((paths[row], reason) for row, reason in broken.items()),
        fingerprint=mark,
        size=size,
        framing=framing,
    )


def fingerprint(paths: list[str], size: int, framing: Framing) -> str:
    """SHA-256 (hex) of what makes the pixels: files by name, length and time; size; framing."""
    digest = hashlib.sha256(f"{_VERSION} {size} {framing}\n".encode())
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116 - 200,000 of them
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "missing"
        digest.update(f"{path}\0{state}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _complete(place: Path, count: int, size: int) -> dict[int, str] | None:
    """Broken rows and why, of a store that is whole; None if it is absent or damaged."""
    try:
        facts = read_json(place / "store.json")
        broken = {int(row): str(reason) for row, reason in facts["broken"].items()}
        images = np.load(place / "images.npy", mmap_mode="r")  # Fails on a file cut short.
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = images.shape == (count - len(broken), size, size, 3) and images.dtype == np.uint8
    return broken if whole else None


def _write(
    place: Path,
    paths: list[str],
    size: int,
    framing: Framing,
    workers: int | None,
    progress: ProgressCallback | None,
) -> dict[int, str]:
    remove_leftovers(place, _IDLE_SECONDS)
    broken: dict[int, str] = {}
    with replacing(place / "images.npy") as unfinished, unfinished.open("wb") as file:
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
    write_json(place / "store.json", {"broken": broken})
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
