"""Size and SHA-256 of what a bundle holds: files and folders."""

import hashlib
from pathlib import Path


def digest(path: Path) -> str:
    """Compute the SHA-256 of a file, or of a folder's file names and contents.

    Args:
        path: File to hash, or folder whose files are hashed.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: The file, or one in the folder, cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     digest(Path(file.name))[:8]
        'e3b0c442'
    """
    if path.is_dir():
        lines = (f"{digest(file)}  {file.relative_to(path).as_posix()}\n" for file in _files(path))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    """Return all files below `folder`, sorted."""
    return sorted(file for file in folder.rglob("*") if file.is_file())


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder. Raises OSError.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("weights", "graph"):
        ...         _ = Path(folder, name).write_bytes(b"12345")
        ...     size_of(Path(folder, "graph")), size_of(Path(folder))
        (5, 10)
    """
    return sum(file.stat().st_size for file in (_files(path) if path.is_dir() else [path]))
