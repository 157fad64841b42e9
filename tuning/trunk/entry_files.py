"""The files of the trunk cache's entries: found, checked, written, removed, sent elsewhere.

An entry is three files of its key: `.npy` with the activations, `.images` with a digest of each
image, and `.json`, which is written last and so says that the others are complete.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.atomic import is_temporary, replacing
from data.records import read_record, write_record
from tuning.trunk.entry import EntryFacts, StoredEntry
from tuning.trunk.reuse import read_digests, write_digests

_CHECKSUM_BLOCK = 1 << 24
_KEY = re.compile(r"[a-z0-9_]+-[0-9a-f]{24}")  # names of files that others send
_SUFFIXES = (".json", ".images", ".npy")  # in the order in which they are removed


@dataclass(frozen=True, eq=False)
class SentEntry:
    """An entry on its way to a cache that another machine has; it can be pickled.

    Attributes:
        stored: What its JSON file holds.
        activations: Its activations, float16 [n, ...].
        digests: Digest of each image, S16 [n]; empty where it is not known.
    """

    stored: StoredEntry
    activations: np.ndarray
    digests: np.ndarray

    def check(self) -> None:
        """Refuse an entry that is not what it says.

        Raises:
            ValueError: It is damaged, or not of a trunk cache.
        """
        key, rows = self.stored.key, len(self.activations)
        is_entry = _KEY.fullmatch(key) and self.activations.dtype == np.float16
        if not is_entry or len(self.digests) not in (0, rows):
            raise ValueError(f"{key!r} is no entry of a trunk cache")
        if checksum(self.activations) != self.stored.crc32:
            raise ValueError(f"{key} was damaged on its way")


class EntryFiles:
    """A folder of entries.

    Args:
        folder: The folder.

    Attributes:
        folder: The folder.

    Example:
        >>> EntryFiles(Path("cache")).npy("vgg16-0123").name
        'vgg16-0123.npy'
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._facts: dict[str, EntryFacts] = {}
        self._intact: dict[str, tuple[int, ...]] = {}

    def npy(self, key: str) -> Path:
        """Return the path of an entry's activations."""
        return self.folder / f"{key}.npy"

    def is_there(self, key: str) -> bool:
        """Whether an entry is complete, by its JSON file; nothing is read."""
        return self._json(key).exists()

    def is_intact(self, key: str) -> bool:
        """Whether an entry is what its JSON file says; a file that has not changed is read once."""
        stored = read_record(self._json(key), StoredEntry)
        if stored is None:
            return False
        try:
            status = self.npy(key).stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size, stored.bytes, stored.crc32)
            if self._intact.get(key) == seen:
                return True
            array = np.load(self.npy(key), mmap_mode="r")
        except (OSError, EOFError, ValueError):
            return False
        if status.st_size != stored.bytes or checksum(array) != stored.crc32:
            return False
        self._intact[key] = seen
        return True

    def commit(self, entry: EntryFacts, digests: np.ndarray, crc32: int) -> None:
        """Write what belongs to an entry whose activations are written.

        Args:
            entry: Facts of the entry.
            digests: Digest of each of its images, S16 [n].
            crc32: Checksum of the activations.
        """
        write_digests(self._images(entry.key), digests)
        size = self.npy(entry.key).stat().st_size
        facts = entry.model_dump(include=set(EntryFacts.model_fields))
        write_record(self._json(entry.key), StoredEntry(**facts, bytes=size, crc32=crc32))

    def alike(self, entry: EntryFacts) -> Iterator[EntryFacts]:
        """Yield the entries of the same trunk, cut and view for any images; none is checked."""
        for path in sorted(self.folder.glob(f"{entry.backbone}-*.json")):
            facts = self._facts.get(path.stem) or read_record(path, StoredEntry)
            if facts is None:
                continue
            self._facts[path.stem] = facts
            if facts.is_like(entry):
                yield facts

    def digests(self, key: str) -> np.ndarray:
        """Return the digests of an entry's images, S16 [n]; none where they are not known."""
        return read_digests(self._images(key))

    def touch(self, keys: Iterable[str]) -> None:
        """Count entries as used now, those of them that are there."""
        for key in keys:
            with suppress(OSError):
                os.utime(self._json(key))

    def sizes(self) -> dict[str, int]:
        """Return the bytes on disk of all activations by key, the least recently used first."""
        files = [path for path in self.folder.glob("*.npy") if not is_temporary(path)]
        return {path.stem: _size(path) for path in sorted(files, key=_last_use)}

    def remove(self, key: str) -> None:
        """Delete an entry, which others may do as well."""
        for suffix in _SUFFIXES:
            (self.folder / f"{key}{suffix}").unlink(missing_ok=True)

    def read(self, key: str) -> SentEntry | None:
        """Return an entry to send it elsewhere; None where it is missing or damaged."""
        if not _KEY.fullmatch(key) or not self.is_intact(key):
            return None
        stored = read_record(self._json(key), StoredEntry)
        try:
            activations = np.load(self.npy(key), mmap_mode="r").view(np.ndarray)
        except (OSError, EOFError, ValueError):
            return None
        return SentEntry(stored, activations, self.digests(key)) if stored else None

    def write(self, sent: SentEntry) -> None:
        """Write an entry that came from elsewhere, once it has been checked.

        Args:
            sent: The entry.
        """
        with replacing(self.npy(sent.stored.key)) as new, new.open("wb") as file:
            np.lib.format.write_array(file, sent.activations, version=(1, 0))
        self.commit(sent.stored, sent.digests, sent.stored.crc32)

    def _images(self, key: str) -> Path:
        return self.folder / f"{key}.images"

    def _json(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def checksum(array: np.ndarray) -> int:
    """Return the CRC-32 of an array's numbers, block by block.

    Example:
        >>> checksum(np.zeros(3, np.float16)) == zlib.crc32(bytes(6))
        True
    """
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
