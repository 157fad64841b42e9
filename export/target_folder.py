"""Folders that a command writes into: nobody's files are replaced."""

from pathlib import Path


def trouble(folder: Path, mark: Path, kind: str) -> str | None:
    """Say why a folder must not be written into.

    It may be new, empty, a fresh clone of a repository with nothing but a README, or one that was
    written before, which a file shows that starts with the same line as `mark`.

    Args:
        folder: Folder to write.
        mark: File that is copied into it, whose first line nobody else writes.
        kind: What the folder becomes, such as "Space".

    Returns:
        A line for the user; None if it may be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> trouble(folder, Path("app.py"), "Space") is None
        True
        >>> (folder / "thesis.txt").touch()
        >>> trouble(folder, Path("app.py"), "Space")
        '...holds thesis.txt and is no Space: give --to a new folder'
    """
    if folder.exists() and not folder.is_dir():
        return f"{folder} is a file: give --to a folder"
    there = {path.name for path in folder.glob("*")} if folder.exists() else set()
    of_a_clone = {"README.md"} if (folder / ".git").exists() else set()
    foreign = {name for name in there if not name.startswith(".")} - of_a_clone
    if foreign and not _written_before(folder, mark):
        return f"{folder} holds {min(foreign)} and is no {kind}: give --to a new folder"
    return None


def _written_before(folder: Path, mark: Path) -> bool:
    written = folder / mark.name
    if not written.is_file():
        return False
    title = mark.read_text("utf-8").splitlines()[0]
    return written.read_text("utf-8", "replace").startswith(title)
