"""Squares that earlier image stores hold, so that no image is decoded, and no face found, twice.

Beside the images of a shard lies a `.sources` file: for each a digest of what it was made of, and
one of its pixels. A new store takes from the stores beside it what was made of the same: a larger
sample, another label or split, and joined data sets decode and search only what is new to them.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

SOURCES = np.dtype([("source", "S16"), ("pixels", "S16")])
"""A row of a `.sources` file; the source of what is not to be taken is empty."""

_SUFFIX = ".sources"
_OPEN = 128  # files that are held open


@dataclass(frozen=True, eq=False)
class KeptSquares:
    """Where the squares of some rows of a manifest lie already.

    Attributes:
        files: Files of images, each with the time when it was written.
        at: File and row in it of each of the N rows, int64 [N, 2]; the file is -1 where there is
            none.
        pixels: Digest of the pixels there, S16 [N].

    Example:
        >>> find_kept(Path("missing"), np.array([b"0a1b"], "S16"), 96).square(0) is None
        True
    """

    files: tuple[tuple[Path, int], ...]
    at: np.ndarray
    pixels: np.ndarray

    def of(self, rows: slice) -> "KeptSquares":
        """Return the same for some of the rows."""
        return replace(self, at=self.at[rows], pixels=self.pixels[rows])

    def square(self, row: int) -> np.ndarray | None:
        """Return a row's square, uint8 [size, size, 3]; None if there is none, or it is damaged."""
        file, place = self.at[row]
        images = _images(*self.files[file]) if file >= 0 else None
        if images is None or place >= len(images):
            return None
        square = np.array(images[place])
        return square if pixel_digest(square) == self.pixels[row] else None


def source_digests(paths: Sequence[str], ways: Sequence[str]) -> np.ndarray:
    """Digest what squares are made of: a file by name, length and time, and the way it is done.

    Args:
        paths: N paths of images.
        ways: For each in words how its square is made.

    Returns:
        S16 [N]; empty where there is no file.

    Example:
        >>> source_digests(["missing.jpg"], ["face 96"]).tolist()
        [b'']
    """
    return np.array([_source(path, way) for path, way in zip(paths, ways, strict=True)], "S16")


def pixel_digest(square: np.ndarray) -> bytes:
    """Hash the pixels of an image.

    Args:
        square: uint8 [size, size, 3].

    Returns:
        BLAKE2b, 16 bytes, without zeros at the end, as NumPy's S16 has it.

    Example:
        >>> len(pixel_digest(np.zeros((8, 8, 3), np.uint8)))
        16
    """
    digest = hashlib.blake2b(np.ascontiguousarray(square).data, digest_size=16).digest()
    return digest.rstrip(b"\0")


def find_kept(folder: Path, sources: np.ndarray, size: int) -> KeptSquares:
    """Look for squares in all stores of a folder.

    Args:
        folder: Folder of all stores.
        sources: What the squares are made of, S16 [N], see `source_digests`.
        size: Side of the squares in pixels.

    Returns:
        Where those are that some store holds.
    """
    order = np.argsort(sources, kind="stable")
    ordered = sources[order]
    files: list[tuple[Path, int]] = []
    at = np.full((len(sources), 2), -1, np.int64)
    pixels = np.zeros(len(sources), "S16")
    for file, rows in _tables(folder, size) if len(sources) else ():
        found = np.searchsorted(ordered, rows["source"]).clip(max=len(order) - 1)
        row = order[found]
        place = np.flatnonzero((sources[row] == rows["source"]) & (rows["source"] != b""))
        at[row[place]] = np.stack([np.full(len(place), len(files)), place], axis=1)
        pixels[row[place]] = rows["pixels"][place]
        files.append(file)
    return KeptSquares(tuple(files), at, pixels)


def _tables(folder: Path, size: int) -> Iterator[tuple[tuple[Path, int], np.ndarray]]:
    """Files of images with their sources."""
    for path in sorted(folder.glob(f"*/images*{_SUFFIX}")):
        npy = path.with_suffix(".npy")
        try:
            file = npy, npy.stat().st_mtime_ns
            rows = np.frombuffer(path.read_bytes(), SOURCES)
        except (OSError, ValueError):
            continue
        images = _images(*file)
        if images is not None and images.shape == (len(rows), size, size, 3):
            yield file, rows


@lru_cache(_OPEN)
def _images(path: Path, _written: int) -> np.ndarray | None:
    """The images of a shard, memory-mapped; None if they are gone or damaged."""
    try:
        images = np.load(path, mmap_mode="r")
    except (OSError, EOFError, ValueError):
        return None
    return images if images.dtype == np.uint8 and images.ndim == 4 else None


def _source(path: str, way: str) -> bytes:
    try:
        status = os.stat(path)  # noqa: PTH116 - 200,000 of them
    except (OSError, ValueError):
        return b""
    facts = f"{way}\0{path}\0{status.st_size} {status.st_mtime_ns}"
    text = facts.encode(errors="surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest().rstrip(b"\0")
