"""Room on the disk for new entries of the trunk cache: the least recently used ones make it."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from data.atomic import remove_leftovers
from tuning.trunk.entry_files import EntryFiles

_KEEP_FREE = 1 << 30
_SAFE_SHARE = 0.99  # for headers of files
_IDLE_SECONDS = 600  # A file that is being written grows all the time.


class CacheError(RuntimeError):
    """The cache can't hold what the study needs."""


def room_of(files: EntryFiles, budget: int) -> int:
    """Return the number of bytes that entries of one search may take if all others go.

    Args:
        files: Entries of the cache.
        budget: Largest number of bytes on disk of all entries together.
    """
    available = max(0, _free(files) + sum(files.sizes().values()) - _KEEP_FREE)
    return int(_SAFE_SHARE * min(budget, available))


def require_room(files: EntryFiles, budget: int, needed: int, in_use: Collection[str]) -> None:
    """Refuse what would not fit if all entries that are not in use went; none does.

    Args:
        files: Entries of the cache.
        budget: Largest number of bytes on disk of all entries together.
        needed: Number of bytes to be written.
        in_use: Keys of the entries that must stay.

    Raises:
        CacheError: The budget or the disk is too small.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> require_room(EntryFiles(Path(tempfile.mkdtemp())), 1000, needed=2000, in_use=())
        Traceback (most recent call last):
            ...
        tuning.trunk.room.CacheError: the trunk cache needs 0.0 GB, more than CACHE_GB=1e-06 ...
    """
    sizes = files.sizes()
    staying = sum(size for key, size in sizes.items() if key in in_use)
    if staying + needed > budget:
        raise CacheError(
            f"the trunk cache needs {(staying + needed) / 1e9:.1f} GB, more than CACHE_GB="
            f"{budget / 1e9:g} allows: raise it, or use fewer SAMPLES or a smaller SIZE"
        )
    available = _free(files) + sum(sizes.values()) - staying
    if available < needed + _KEEP_FREE:
        raise CacheError(
            f"the trunk cache needs {needed / 1e9:.1f} GB in {files.folder}, where "
            f"{available / 1e9:.1f} GB are free: free some, or use fewer SAMPLES"
        )


def make_room(files: EntryFiles, budget: int, needed: int, in_use: Collection[str]) -> None:
    """Delete entries that are not in use, the least recently used first, until there is room.

    Args:
        files: Entries of the cache.
        budget: Largest number of bytes on disk of all entries together.
        needed: Number of bytes to be written.
        in_use: Keys of the entries that must stay.

    Raises:
        CacheError: The budget or the disk is too small.
    """
    remove_leftovers(files.folder, _IDLE_SECONDS)
    require_room(files, budget, needed, in_use)
    sizes = files.sizes()
    used = sum(sizes.values())
    for key, size in sizes.items():
        if used + needed <= budget and _free(files) >= needed + _KEEP_FREE:
            return
        if key not in in_use:
            used -= size
            files.remove(key)


def _free(files: EntryFiles) -> int:
    return shutil.disk_usage(files.folder).free
