"""Copies of pictures with the faces marked: where each goes, and what it may overwrite."""

import os
import unicodedata
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from PIL import Image

from data.atomic import replacing
from data.images import decode, room_to_decode
from inference.annotation import annotate
from inference.errors import OutputError
from inference.faces import Face
from inference.predict.outputs import inode

_COMMENT = b"faces marked by python -m inference predict"  # by which a copy is known again


@dataclass(frozen=True)
class MarkedCopies:
    """Where the copy of each file goes; no two files share one, in upper or lower case."""

    folder: Path
    copied_from: Path
    places: dict[Path, Path]

    @classmethod
    def plan(cls, files: Sequence[Path], folder: Path, copied_from: Path | None) -> "MarkedCopies":
        """Give each file a place below `folder` as it has one below `copied_from`.

        That is the folder which an earlier run chose; None takes the one that holds all files.
        """
        parents = {file.parent: os.path.realpath(file.parent) for file in files}
        copied_from = copied_from or Path(os.path.commonpath(parents.values() or [Path.cwd()]))
        taken: set[str] = set()
        places: dict[Path, Path] = {}
        for file in sorted(files, key=_is_renamed):  # those that keep their name come first
            below = Path(os.path.relpath(parents[file.parent], copied_from))
            parts = ("__" if part == ".." else part for part in below.parts)
            places[file] = _free(folder.joinpath(*parts, _name(file)), taken)
        return cls(folder, copied_from, places)

    def refuse_foreign(self, files: Iterable[Path], inputs: Container[tuple[int, int]]) -> None:
        """Raise OutputError if a file's copy would overwrite an input, or what is no copy."""
        for file in files:
            copy = self.places[file]
            if not copy.exists():
                continue
            if inode(copy) in inputs:
                raise _refused(f"{copy} is one of the pictures to read")
            if not _is_copy(copy):
                raise _refused(f"{copy} is not a copy that `predict` marked")

    def check_writable(self) -> None:
        """Raise OSError if nothing can be written to the folder, which is made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=self.folder):
            pass

    def has(self, file: Path) -> bool:
        """Whether the copy of a file is there."""
        return self.places[file].exists()

    def write(self, file: Path, faces: Sequence[Face]) -> None:
        """Write the copy of a file. Raises OSError, or ImageError if the file is gone."""
        with room_to_decode(file), replacing(self.places[file]) as new:
            annotate(decode(file), faces).save(new, "JPEG", quality=90, comment=_COMMENT)


def _is_renamed(file: Path) -> bool:
    return file.suffix.lower() not in (".jpg", ".jpeg")


def _name(file: Path) -> str:
    return f"{file.name}.jpg" if _is_renamed(file) else file.name


def _free(path: Path, taken: set[str]) -> Path:
    """Return `path`, with a number where another file has it, and take it."""
    free, number = path, 1
    while (key := _folded(free)) in taken:
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    taken.add(key)
    return free


def _folded(path: Path) -> str:
    """Return what all names of a file have in common where case and accents' form do not count."""
    return f"{_folded_folder(path.parent)}/{unicodedata.normalize('NFC', path.name).casefold()}"


@cache
def _folded_folder(folder: Path) -> str:
    return unicodedata.normalize("NFC", str(folder)).casefold()


def _is_copy(path: Path) -> bool:
    try:
        with Image.open(path, formats=("JPEG",)) as image:
            return image.info.get("comment") == _COMMENT
    except Exception:  # not a picture
        return False


def _refused(what: str) -> OutputError:
    return OutputError(f"{what}: choose another folder for --annotate, or overwrite with --force")
