"""What tells copies of an image: a hash of the file's bytes, and one of what it shows.

The second is ImageHash's pHash with 256 bits: the signs of the image's lowest frequencies. The
library is small, kept, and runs on Pillow; its usual 64 bits do not do for faces in one frame,
where different people come as near as copies (see `data.copies.matching` for figures).
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from data.atomic import replacing
from data.images import ImageError, decode_reduced, read_bytes, room_to_decode, upright_size
from data.locks import alone
from data.manifest import DataError
from data.processors import usable
from data.progress import ProgressCallback

_Hashed = tuple[np.ndarray, np.ndarray, bool, bool, tuple[int, int]]  # columns of `Hashes`

BITS = 256
_SIDE = 16  # of the square of frequencies: BITS = _SIDE ** 2
_PIXELS = 4 * _SIDE  # that pHash looks at; large JPEGs are decoded down to that
_BALANCED = 16  # ones may be more or less than half of the bits by that
_BATCH = 256
_SAVED_EVERY = 20_000  # hashed files, so that a pass that is killed loses little
_FORMAT = 2


@dataclass(frozen=True, eq=False)
class Hashes:
    """Hashes of N files.

    Attributes:
        content: SHA-256 of the bytes, uint8 [N, 32].
        looks: Bits of the pHash, uint8 [N, 32].
        readable: Whether the file is an image, bool [N]; broken ones are no one's copies.
        comparable: Whether the pHash says something, bool [N]: not that of an even surface, whose
            bits are noise.
        sizes: Width and height of the image as it is seen upright, pixels, uint32 [N, 2]; 0 of a
            broken one.

    Example:
        >>> hashes = hash_files(["missing.png"])
        >>> hashes.content.shape, hashes.readable.tolist(), hashes.comparable.tolist()
        ((1, 32), [False], [False])
    """

    content: np.ndarray
    looks: np.ndarray
    readable: np.ndarray
    comparable: np.ndarray
    sizes: np.ndarray

    @classmethod
    def stacked(cls, each: Sequence["Hashes"]) -> "Hashes":
        """Put hashes of several lists of files behind each other."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(one, name) for one in each]) for name in names))


_ENTRY = np.dtype(
    [
        ("format", "u1"),
        ("state", "i8", 2),  # length and time of the file
        ("content", "u1", 32),
        ("looks", "u1", 32),
        ("readable", "?"),
        ("comparable", "?"),
        ("sizes", "u4", 2),
    ]
)
_FILE = np.dtype([("device", "u8"), ("number", "u8"), ("state", "i8", 2)])
"""What tells a file, whatever its names, and its length and time."""


def cache_file(folder: Path, root: Path) -> Path:
    """Name the file for the hashes of a data set.

    Args:
        folder: Folder for the hashes of all data sets.
        root: Folder of the data set.

    Example:
        >>> cache_file(Path("hashes"), Path("/faces")).name
        'e049ba2b2e1d678b.npz'
    """
    return folder / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.npz"


def hash_files(
    paths: list[str], cache: Path | None = None, progress: ProgressCallback | None = None
) -> Hashes:
    """Hash files, or take the hashes that a cache has of them.

    Args:
        paths: N paths of image files; broken or missing ones are no error.
        cache: File (`.npz`) that is read, and has all of them afterwards; an entry holds as long
            as the file's length and time stay. Of two processes that want it one waits for the
            other.
        progress: Callback for each file that is hashed.

    Returns:
        The hashes of the N files.

    Raises:
        DataError: ImageHash is missing, as where only the serving part is installed.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> path = Path(tempfile.mkdtemp(), "face.png")
        >>> Image.linear_gradient("L").save(path)
        >>> hashes = hash_files([str(path), "missing.png"])
        >>> hashes.looks.shape, hashes.readable.tolist()
        ((2, 32), [True, False])
    """
    files = np.array([_file(path) for path in paths], _FILE)
    entries, missing = _look_up(paths, files, *_read(cache))
    if missing.any():
        with alone(cache) if cache else nullcontext():
            known, known_entries = _read(cache)
            entries, missing = _look_up(paths, files, known, known_entries)
            once, of_row = _by_file(files, np.flatnonzero(missing))
            for done, (place, hashed) in enumerate(_hash_all(paths, once), 1):
                rows = of_row[place]
                entries[rows] = (_FORMAT, files["state"][rows[0]], *hashed)
                missing[rows] = False
                if progress:
                    progress(done, len(once))
                if cache and (done % _SAVED_EVERY == 0 or done == len(once)):
                    _write(cache, known, known_entries, paths, entries, ~missing)
    names = ("content", "looks", "readable", "comparable", "sizes")
    return Hashes(*(entries[name] for name in names))


def _look_up(
    paths: list[str], files: np.ndarray, known: pd.Index, known_entries: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What is known, an entry a path, and of which paths nothing is known, bool [N]."""
    entries = np.zeros(len(paths), _ENTRY)
    place = known.get_indexer(_names(paths))
    found = np.flatnonzero(place >= 0)
    of_found = known_entries[place[found]]
    same = (of_found["state"] == files["state"][found]).all(axis=1)
    entries[found[same]] = of_found[same]
    missing = np.ones(len(paths), bool)
    missing[found[same]] = False
    return entries, missing


def _by_file(files: np.ndarray, rows: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    """A row for each file behind the rows, and all rows of that file; a missing one is a file."""
    number, device = files["number"][rows], files["device"][rows]
    unnumbered = np.where(number == 0, rows, -1)
    by_file = pd.DataFrame({"device": device, "number": number, "own": unnumbered})
    groups = by_file.groupby([*by_file], sort=False).indices.values()
    return [int(rows[places[0]]) for places in groups], [rows[places] for places in groups]


def _hash_all(paths: list[str], rows: list[int]) -> Iterator[tuple[int, _Hashed]]:
    """Place of each row among the rows, and its hashes."""
    try:
        import imagehash  # noqa: F401 - here, not in the threads: it takes a second
    except ImportError as error:
        raise DataError(
            "finding copies of images needs ImageHash: pip install ImageHash"
        ) from error
    with ThreadPoolExecutor(usable()) as pool:
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            places = range(start, start + len(batch))
            yield from zip(places, pool.map(_hash, (paths[row] for row in batch)), strict=True)


def _hash(path: str) -> _Hashed:
    nothing = np.zeros(BITS // 8, np.uint8)
    with room_to_decode(Path(path)):
        try:
            data = read_bytes(Path(path))
        except ImageError:
            return nothing, nothing, False, False, (0, 0)
        content = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
        try:
            image, factor = decode_reduced(data, _PIXELS)
            size = image.size if factor == 1 else upright_size(Path(path))
        except ImageError:
            return content, nothing, False, False, (0, 0)
    import imagehash

    bits = imagehash.phash(image, _SIDE).hash
    comparable = abs(2 * int(bits.sum()) - BITS) <= 2 * _BALANCED
    return content, np.packbits(bits), True, comparable, size


def _file(path: str) -> tuple[int, int, tuple[int, int]]:
    try:
        status = os.stat(path)  # noqa: PTH116 - 200,000 of them
    except OSError:
        return 0, 0, (-1, -1)
    return status.st_dev, status.st_ino, (status.st_size, status.st_mtime_ns)


def _names(paths: list[str]) -> pd.Index:
    """Paths as bytes: not every name is text."""
    return pd.Index([*map(os.fsencode, paths)], dtype=object)


def _read(cache: Path | None) -> tuple[pd.Index, np.ndarray]:
    """Names and entries; none where there is no cache, or a damaged one."""
    nothing = pd.Index([], dtype=object), np.zeros(0, _ENTRY)
    if cache is None:
        return nothing
    try:
        with np.load(cache) as arrays:
            names, entries = arrays["names"].tobytes().split(b"\0"), arrays["entries"]
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile):
        return nothing
    known = pd.Index(names, dtype=object)
    is_ours = entries.dtype == _ENTRY and len(entries) == len(known) and known.is_unique
    if not is_ours or (entries["format"] != _FORMAT).any():
        return nothing
    return known, entries


def _write(
    cache: Path,
    known: pd.Index,
    known_entries: np.ndarray,
    paths: list[str],
    entries: np.ndarray,
    done: np.ndarray,
) -> None:
    """Keep what is known of other paths, and what is done of these, bool [N]."""
    new = _names([path for path, is_done in zip(paths, done, strict=True) if is_done])
    first = ~new.duplicated()
    others = ~known.isin(new)
    names = [*known[others], *new[first]]
    whole = np.concatenate([known_entries[others], entries[done][first]])
    with replacing(cache) as file, file.open("wb") as out:
        np.savez(out, names=np.frombuffer(b"\0".join(names), np.uint8), entries=whole)
