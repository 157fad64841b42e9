"""Visitors' pictures: which files a request may name, and when what was sent is deleted."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from inference.served.errors import RefusedError

SECONDS_KEPT = 300
"""Age at which uploads are deleted."""

SECONDS_BETWEEN_SWEEPS = 30
"""Time between two looks for uploads to delete."""

_SECONDS_UNLISTED = SECONDS_KEPT + 2 * SECONDS_BETWEEN_SWEEPS  # Gradio has its turn first
_REFUSAL = "this is no picture that was uploaded here in the last minutes: upload it again"
_SLACK = 2  # seconds by which the file system's clock may differ from this machine's


@dataclass(frozen=True)
class Upload:
    """A picture that a visitor sent.

    Attributes:
        path: Resolved path in the folder of uploads.
        name: File name as the visitor sent it.

    Example:
        >>> import tempfile
        >>> uploads = Uploads(Path(tempfile.mkdtemp()))
        >>> sent = {"path": str(uploads.folder / "1.jpg"), "orig_name": "me.jpg"}
        >>> (uploads.folder / "1.jpg").touch()
        >>> uploads.to_upload(sent).name
        'me.jpg'
    """

    path: Path
    name: str


class Uploads:
    """The folder that Gradio puts uploads into.

    Args:
        folder: Folder, which need not exist yet.

    Attributes:
        folder: Absolute path of the folder, with links followed.

    Example:
        >>> Uploads(Path("uploads")).find("/etc/passwd")
        Traceback (most recent call last):
        inference.served.errors.RefusedError: this is no picture that was uploaded here in the...
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._kept: set[Path] = set()
        self._begun: list[float] = []

    def find(self, path: str) -> Path:
        """Find an upload by the path that a visitor sent.

        What lies outside the folder is not looked at, so that not even the time taken shows whether
        it exists.

        Args:
            path: Path as a visitor sent it, which may be any text.

        Returns:
            Resolved path of a file in the folder.

        Raises:
            RefusedError: The path leads elsewhere, in the same words wherever that is.
        """
        if Path(os.path.normpath(path)).is_relative_to(self.folder):
            file = _file_at(path)
            if file and file.is_relative_to(self.folder):
                return file
        raise RefusedError(_REFUSAL)

    def to_upload(self, sent: object) -> Upload | None:
        """Turn what a visitor sent for a picture into an upload.

        Args:
            sent: Anything that can be written in JSON.

        Returns:
            The upload; None if no picture was sent.

        Raises:
            RefusedError: It is no file of this folder, but a URL, base64 or another path.
        """
        if sent is None:
            return None
        if not isinstance(sent, dict) or not isinstance(path := sent.get("path"), str):
            raise RefusedError(_REFUSAL)
        name = sent.get("orig_name")
        return Upload(self.find(path), name if name and isinstance(name, str) else "picture")

    def to_uploads(self, sent: object) -> list[Upload]:
        """Turn what a visitor sent for many pictures into uploads.

        Args:
            sent: Anything that can be written in JSON.

        Returns:
            The uploads, in the order in which they were sent.

        Raises:
            RefusedError: One is no file of this folder.
        """
        if not isinstance(sent, list | None):
            raise RefusedError(_REFUSAL)
        return [upload for upload in map(self.to_upload, sent or []) if upload]

    def keep_what_is_there(self) -> None:
        """Exempt the files that are there now, which are the page's own, from being deleted."""
        self._kept = {path for path in self.folder.rglob("*") if path.is_file()}

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Keep what is being written from being deleted while a request that uploads runs."""
        began = time.time()
        self._begun.append(began)
        try:
            yield
        finally:
            self._begun.remove(began)

    def sweep(self) -> None:
        """Delete what requests left half written, and uploads that Gradio should have deleted.

        Half written is what lies in no folder of its own. It is left over if no request that runs
        now can have written it: it was last changed before the first of them began.
        """
        now = time.time()
        first = min(self._begun, default=now)
        for path in [*self.folder.rglob("*")]:
            if path in self._kept:
                continue
            half_written = path.parent == self.folder and not path.is_dir()
            before = first - _SLACK if half_written else now - _SECONDS_UNLISTED
            _delete_if_older(path, before)


def _file_at(path: str) -> Path | None:
    try:
        resolved = Path(path).resolve(strict=True)
        return resolved if resolved.is_file() else None
    except (OSError, RuntimeError, ValueError):  # nothing there, a loop of links, a null character
        return None


def _delete_if_older(path: Path, before: float) -> None:
    with suppress(OSError):  # gone already, or a folder that is not empty
        if path.lstat().st_mtime > before:
            return
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
