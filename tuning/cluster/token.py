"""Whether a worker shares the driver's folders: seen by a file, never believed by a setting."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PREFIX = ".shared-"
_OLDEST = 30 * 86400.0  # seconds; a driver that was killed leaves its file


@dataclass(frozen=True)
class Token:
    """A file with random content in the driver's folder.

    Attributes:
        path: Path of the file.
        content: What it holds.

    Example:
        >>> import tempfile
        >>> with token_in(Path(tempfile.mkdtemp())) as token:
        ...     token.is_here()
        True
        >>> token.is_here()
        False
    """

    path: Path
    content: str

    def is_here(self) -> bool:
        """Whether this process sees the file, and so the folder that it lies in."""
        try:
            return self.path.read_text("ascii") == self.content
        except (OSError, ValueError):
            return False


@contextmanager
def token_in(folder: Path) -> Iterator[Token]:
    """Keep a token in a folder while the block lasts.

    Args:
        folder: Folder that others may share; made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_old(folder)
    token = Token(folder.resolve() / f"{_PREFIX}{secrets.token_hex(8)}", secrets.token_hex(32))
    token.path.write_text(token.content, "ascii")
    try:
        yield token
    finally:
        token.path.unlink(missing_ok=True)


def _remove_old(folder: Path) -> None:
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLDEST:
                path.unlink()
