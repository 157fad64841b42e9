"""Which files `predict` reads: those named, listed or matched, and images in folders; each once."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data.listing import find_images, is_service_folder, kinds_in_words

_SHOWN = 3  # folders named in a message


@dataclass
class Inputs:
    """The files to read, and what was passed over on the way.

    Attributes:
        files: Files to read, each once.
        other_kinds: Number of pictures of kinds that are not read, by suffix.
        unopened: Path and reason of each folder that cannot be opened.
        copies: Number of marked copies of an earlier run.

    Example:
        >>> list(Inputs([Path("a.jpg")], copies=2).notes())
        ['passed over 2 marked copies']
    """

    files: list[Path] = field(default_factory=list)
    other_kinds: Counter[str] = field(default_factory=Counter)
    unopened: list[tuple[str, str]] = field(default_factory=list)
    copies: int = 0

    def notes(self) -> Iterator[str]:
        """Yield one line for each way in which files were passed over."""
        if self.other_kinds:
            yield f"passed over pictures of other kinds: {kinds_in_words(self.other_kinds)}"
        if self.unopened:
            shown = ", ".join(f"{path} ({reason})" for path, reason in self.unopened[:_SHOWN])
            more = len(self.unopened) - _SHOWN
            yield f"folders that cannot be opened: {shown}{f' and {more} more' * (more > 0)}"
        if self.copies:
            yield f"passed over {self.copies} marked copies"


def expand(paths: Iterable[Path], copies: Path | None = None) -> Inputs:
    """Find the files to read, each once however it is named.

    Args:
        paths: Files, folders to search as `data.listing.find_images` does, patterns that the shell
            did not expand (`*.jpg`, `**/*.png`), and `-` for a list on standard input, one path a
            line, or ended by NUL (`find -print0`). What is missing in a list is kept, and fails
            when it is read.
        copies: Folder of marked copies, which is passed over inside the others.

    Raises:
        FileNotFoundError: A path that was given does not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.jpg", "a.png", "notes.txt"):
        ...         Path(folder, name).touch()
        ...     [file.name for file in expand([Path(folder)]).files]
        ['a.png', 'b.jpg']
    """
    inputs = Inputs()
    found: list[Path] = []
    for path in paths:
        if str(path) == "-":
            for line in map(Path, _listed()):
                found += _searched(line, inputs, copies) if _is_folder(line) else [line]
        elif _is_folder(path):
            found += _searched(path, inputs, copies)
        elif path.exists():
            found.append(path)
        elif matches := _matches(path):
            for match in matches:
                found += _searched(match, inputs, copies) if _is_folder(match) else [match]
        else:
            raise FileNotFoundError(f"no such file or folder: {path}")
    inputs.files = list(_once(found))
    return inputs


def _searched(folder: Path, inputs: Inputs, copies: Path | None) -> Iterator[Path]:
    listing = find_images(folder)
    inputs.other_kinds += listing.other_kinds
    inputs.unopened += listing.unopened
    inside = copies and _real(copies).startswith(os.path.join(_real(folder), ""))  # noqa: PTH118
    own = os.path.join(_real(copies), "") if copies and inside else None  # noqa: PTH118
    parents = _RealParents()
    for image in map(Path, listing.images):
        if own and os.path.join(parents.of(image), "").startswith(own):  # noqa: PTH118
            inputs.copies += 1
        else:
            yield image


def _matches(pattern: Path) -> list[Path]:
    """Expand a pattern; hidden files and service folders only where it names them."""
    matches = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
    return sorted(match for match in matches if not _is_hidden(match, pattern))


def _is_hidden(match: Path, pattern: Path) -> bool:
    folders = set(match.parent.parts) - set(pattern.parts)
    is_hidden_file = match.name.startswith(".") and not pattern.name.startswith(".")
    return is_hidden_file or any(map(is_service_folder, folders))


def _listed() -> list[str]:
    listed = sys.stdin.buffer.read()
    if b"\0" in listed:
        lines = listed.split(b"\0")
    else:
        lines = [line.removesuffix(b"\r") for line in listed.split(b"\n")]
        lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")  # as editors on Windows begin a file
    return [os.fsdecode(line) for line in lines if line]


def _once(files: Iterable[Path]) -> Iterator[Path]:
    """Leave out what was there before, by the real folder and the name in it."""
    seen: set[tuple[str, str]] = set()
    parents = _RealParents()
    for file in files:
        key = (parents.of(file), file.name)
        if key not in seen:
            seen.add(key)
            yield file


class _RealParents:
    """The real folder of each file, looked up once a folder."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, file: Path) -> str:
        parent = file.parent
        if parent not in self._known:
            self._known[parent] = _real(parent)
        return self._known[parent]


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - False, not an error, for what cannot be looked at
