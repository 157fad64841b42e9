"""Files that appear whole: written beside their place under a random name, flushed, renamed.

A reader sees the old content or the new one, never half of either. Two writers, also two machines
on a shared folder, never write the same temporary file; the last rename counts.
"""

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_PREFIX = ".tmp-"
_LONGEST_NAME = 200  # bytes that are left of a name: file systems take 255
_LEFTOVER_SECONDS = 24 * 3600


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a file to write, which takes the place of `path` if the block ends well.

    The yielded path does not exist yet, lies in the same folder and has the same suffixes. Where
    `path` is a link, the file that it leads to is replaced, not the link. Folders above are made.

    Args:
        path: The file to replace or to make.

    Raises:
        OSError: It cannot be written or renamed; what was at `path` is still there.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "facts.json")
        >>> with replacing(path) as new:
        ...     _ = new.write_text("{}")
        >>> path.read_text()
        '{}'
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    new = _random_neighbor(path)
    try:
        yield new
        _flush(new)
        new.replace(path)
        _flush_entries(path.parent)
    finally:
        with suppress(OSError):
            new.unlink()


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder` that takes its place if the block ends well.

    A kill between the two renames leaves the old folder under a temporary name and nothing at
    `folder`: file systems have no single step for it.

    Args:
        folder: The folder to replace or to make.

    Raises:
        OSError: It cannot be written or renamed; what was at `folder` is still there.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp(), "models")
        >>> with replacing_folder(folder) as new:
        ...     (new / "index.json").touch()
        >>> [path.name for path in folder.iterdir()]
        ['index.json']
    """
    folder = Path(os.path.realpath(folder))
    new, old = _random_neighbor(folder), _random_neighbor(folder)
    new.mkdir(parents=True)
    try:
        yield new
        for file in new.rglob("*"):
            if file.is_file():
                _flush(file)
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
        _flush_entries(folder.parent)
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Replace a file's content at once, in UTF-8; names that are not UTF-8 keep their bytes.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "notes.txt")
        >>> write_text(path, "a café")
        >>> len(path.read_bytes())
        7
    """
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file's content at once.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "facts.json")
        >>> write_json(path, {"images": 60})
        >>> read_json(path)
        {'images': 60}
    """
    write_text(path, json.dumps(content, indent=1))


def read_json(path: Path) -> Any:
    """Return a JSON file's content, None when it is missing or damaged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "facts.json")
        >>> read_json(path) is None  # missing
        True
        >>> _ = path.write_text('{"images": 6')
        >>> read_json(path) is None  # damaged
        True
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_temporary(path: Path) -> bool:
    """Whether `path` has a name under which this module writes.

    Example:
        >>> is_temporary(Path("runs/.tmp-0f1e-facts.json")), is_temporary(Path("runs/facts.json"))
        (True, False)
    """
    return path.name.startswith(_PREFIX)


def remove_leftovers(folder: Path, seconds: float = _LEFTOVER_SECONDS) -> None:
    """Delete the temporary files in `folder` that nobody has touched for so many `seconds`.

    A killed process leaves them; what another one is writing now is younger.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> leftover, new = folder / ".tmp-0f1e-facts.json", folder / ".tmp-2d3c-facts.json"
        >>> leftover.touch(), new.touch(), os.utime(leftover, (0, 0))
        (None, None, None)
        >>> remove_leftovers(folder)
        >>> leftover.exists(), new.exists()
        (False, True)
    """
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > seconds:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _random_neighbor(path: Path) -> Path:
    end = os.fsencode(path.name)[-_LONGEST_NAME:]  # the end: suffixes say what to write
    return path.with_name(f"{_PREFIX}{secrets.token_hex(8)}-{os.fsdecode(end)}")


def _flush(path: Path) -> None:
    """Have the disk hold a file's content before going on; it may say only now that it is full."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_entries(folder: Path) -> None:
    """The same for the names in a folder, where the system can do that."""
    with suppress(OSError):
        _flush(folder)
