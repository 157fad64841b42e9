"""The folder for visitors' pictures, which is deleted with the server that made it."""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "face-demo-"
_PREPARED = ".face-demo-new-"  # for the moment until the folder is locked and gets its name
_LOCK = "lock"
_SECONDS_UNLOCKED = 3600


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make this server's folder, and delete it at the end; first delete those of killed servers.

    A running server holds a lock in its folder. The system releases the lock when the server ends,
    however it ends.

    Yields:
        The folder, which is empty but for the lock.

    Example:
        >>> with temporary_folder() as folder:
        ...     _ = (folder / "photo.jpg").write_bytes(b"...")
        >>> folder.exists()
        False
    """
    delete_abandoned()
    prepared = Path(tempfile.mkdtemp(prefix=_PREPARED)).resolve()
    folder = prepared.with_name(f"{_PREFIX}{secrets.token_hex(8)}")
    try:
        with FileLock(prepared / _LOCK).acquire(timeout=0):
            prepared.rename(folder)
            yield folder
    finally:
        for path in (prepared, folder):
            shutil.rmtree(path, ignore_errors=True)


def delete_abandoned() -> None:
    """Delete the folders of this user's servers that no longer run."""
    for prefix in (_PREFIX, _PREPARED):
        for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            with suppress(OSError):
                if _is_ours(folder) and _is_dead(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    mine = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
    return mine and folder.is_dir() and not folder.is_symlink()


def _is_dead(folder: Path) -> bool:
    if not (folder / _LOCK).exists():  # an earlier version's, or one being made
        last_used = max(path.lstat().st_mtime for path in [folder, *folder.rglob("*")])
        return time.time() - last_used > _SECONDS_UNLOCKED
    try:
        with FileLock(folder / _LOCK).acquire(timeout=0):
            return True
    except Timeout:
        return False
