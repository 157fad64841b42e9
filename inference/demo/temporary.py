"""The folder that a server keeps visitors' pictures in while it runs, and that goes with it."""

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
_PREPARED = (
    ".face-demo-new-"  # not locked yet: nothing but a moment lies between this and `_PREFIX`
)
_LOCK = "lock"
_SECONDS_UNLOCKED = 3600


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make this server's folder and delete it at the end, and those of servers that were killed.

    A live server holds a lock in its folder, whatever its process number; the system lets go of
    the lock when the server ends, however it ends.
    """
    sweep()
    prepared = Path(tempfile.mkdtemp(prefix=_PREPARED)).resolve()
    folder = prepared.with_name(f"{_PREFIX}{secrets.token_hex(8)}")
    try:
        with FileLock(prepared / _LOCK).acquire(timeout=0):
            prepared.rename(folder)
            yield folder
    finally:
        for path in (prepared, folder):
            shutil.rmtree(path, ignore_errors=True)


def sweep() -> None:
    """Delete this user's folders of servers that no longer run."""
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
