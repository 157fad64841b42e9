"""Work that several processes, also on several machines, would do at the same time is done once.

A lock is `flock` on a file beside what is made. It ends with its process, however that ends, so
none is left by a kill. Over NFS it holds between machines: since 2.6.12 Linux's NFS clients ask the
server for it, as a byte-range lock on the whole file. Where a mount keeps locks to the machine
(`nolock`, `local_lock=flock`) or has none, the work may be done twice. The files are whole even
then, because each writer has a temporary file of its own and the last rename counts (`atomic`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def alone(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Keep other processes from making the same file or folder while the block runs.

    It waits for the one that makes it now. Look again inside the block whether `path` is there:
    the other one may have made it. The lock file `.<name>.lock` beside it stays.

    Args:
        path: Path of the file or folder that is to be made.
        wait: Whether to wait for another process.

    Yields:
        Whether the block has the lock; False only where it was not to wait.

    Raises:
        OSError: The folder above cannot be made.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "store.npy")
        >>> with alone(path):
        ...     if not path.exists():
        ...         path.touch()
        >>> path.exists()
        True
        >>> with alone(path), alone(path, wait=False) as free:
        ...     free
        False
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        yield _acquired(lock, wait)
    finally:
        lock.release()


def _acquired(lock: FileLock, wait: bool) -> bool:
    try:
        lock.acquire(blocking=wait)
    except Timeout:
        return False
    except OSError:  # no locks on this file system
        return True
    return True
