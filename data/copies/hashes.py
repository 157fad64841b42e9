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

from data.atomic import replacing
from data.images import ImageError, decode_reduced, read_bytes, room_to_decode
from data.locks import alone
from data.manifest import DataError
from data.processors import usable
from data.progress import ProgressCallback

_Hashed = tuple[np.ndarray, np.ndarray, bool, bool]  # as the columns of `Hashes`

BITS = 256
_SIDE = 16  # of the square of frequencies: BITS = _SIDE ** 2
_PIXELS = 4 * _SIDE  # that pHash looks at; large JPEGs are decoded down to that
_BALANCED = 16  # ones may be more or less than half of the bits by that
_BATCH = 256
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Hashes:
    """Hashes of N files.

    Attributes:
        content: SHA-256 of the bytes, uint8 [N, 32].
        looks: Bits of the pHash, uint8 [N, 32].
        readable: Whether the file is an image, bool [N]; broken ones are no one's copies.
        comparable: Whether the pHash says something, bool [N]: not that of an even surface, whose
            bits are noise.

    Example:
        >>> hashes = hash_files(["missing.png"])
        >>> hashes.content.shape, hashes.readable.tolist(), hashes.comparable.tolist()
        ((1, 32), [False], [False])
    """

    content: np.ndarray
    looks: np.ndarray
    readable: np.ndarray
    comparable: np.ndarray

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
    ]
)


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
    states = [_state(path) for path in paths]
    entries, missing = _look_up(paths, states, _read(cache))
    if missing:
        with alone(cache) if cache else nullcontext():
            known = _read(cache)
            entries, missing = _look_up(paths, states, known)
            for done, (row, hashed) in enumerate(_hash_all(paths, missing), 1):
                entries[row] = (_FORMAT, states[row], *hashed)
                if progress:
                    progress(done, len(missing))
            if cache:
                _write(cache, known, paths, entries)
    names = ("content", "looks", "readable", "comparable")
    return Hashes(*(entries[name] for name in names))


def _look_up(
    paths: list[str], states: list[tuple[int, int]], known: dict[bytes, np.void]
) -> tuple[np.ndarray, list[int]]:
    """What is known, an entry a path, and the rows of which nothing is known."""
    entries, missing = np.zeros(len(paths), _ENTRY), []
    for row, (path, state) in enumerate(zip(paths, states, strict=True)):
        entry = known.get(os.fsencode(path))
        if entry is not None and tuple(entry["state"]) == state and entry["format"] == _FORMAT:
            entries[row] = entry
        else:
            missing.append(row)
    return entries, missing


def _hash_all(paths: list[str], rows: list[int]) -> Iterator[tuple[int, _Hashed]]:
    try:
        import imagehash  # noqa: F401 - here, not in the threads: it takes a second
    except ImportError as error:
        raise DataError(
            "finding copies of images needs ImageHash: pip install ImageHash"
        ) from error
    with ThreadPoolExecutor(usable()) as pool:
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            yield from zip(batch, pool.map(_hash, (paths[row] for row in batch)), strict=True)


def _hash(path: str) -> _Hashed:
    nothing = np.zeros(BITS // 8, np.uint8)
    with room_to_decode(Path(path)):
        try:
            data = read_bytes(Path(path))
        except ImageError:
            return nothing, nothing, False, False
        content = np.frombuffer(hashlib.sha256(data).digest(), np.uint8)
        try:
            image, _ = decode_reduced(data, _PIXELS)
        except ImageError:
            return content, nothing, False, False
    import imagehash

    bits = imagehash.phash(image, _SIDE).hash
    comparable = abs(2 * int(bits.sum()) - BITS) <= 2 * _BALANCED
    return content, np.packbits(bits), True, comparable


def _state(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - 200,000 of them
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _read(cache: Path | None) -> dict[bytes, np.void]:
    """Entries by path; none where there is no cache, or a damaged one."""
    if cache is None:
        return {}
    try:
        with np.load(cache) as arrays:
            return dict(
                zip(arrays["paths"].tolist(), arrays["entries"].astype(_ENTRY), strict=True)
            )
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile):
        return {}


def _write(cache: Path, known: dict[bytes, np.void], paths: list[str], entries: np.ndarray) -> None:
    new = dict(zip(map(os.fsencode, paths), entries, strict=True))
    whole = {**known, **new}
    with replacing(cache) as file, file.open("wb") as out:
        np.savez(out, paths=np.array(list(whole)), entries=np.array(list(whole.values()), _ENTRY))
