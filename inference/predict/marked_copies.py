"""Copies of pictures with the faces marked: their paths, and what they may overwrite."""

import os
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

from PIL import Image

from data.atomic import replacing
from data.images import decode, room_to_decode
from inference.annotation import annotate
from inference.errors import OutputError
from inference.explanation.explainer import Explanation
from inference.faces import Face
from inference.live.marked_video import is_marked_video
from inference.predict.outputs import inode
from inference.predict.panels import with_panels

_COMMENT = b"faces marked by python -m inference predict"  # by which a copy is known again
_JPEG = (".jpg", ".jpeg")


@dataclass(frozen=True)
class MarkedCopies:
    """The copies of a run; no two files share one, in upper or lower case.

    Attributes:
        folder: Folder of the copies.
        copied_from: Folder whose tree they follow.
        paths: Path of the copy of each file.
        is_copy: Function that says whether a file is a copy of an earlier run.
    """

    folder: Path
    copied_from: Path
    paths: dict[Path, Path]
    is_copy: Callable[[Path], bool]

    @classmethod
    def plan(
        cls,
        files: Sequence[Path],
        folder: Path,
        copied_from: Path | None,
        videos: bool = False,
    ) -> "MarkedCopies":
        """Give the copy of each file a path below the folder, in a tree like that of the files.

        Args:
            files: Picture files whose faces are to be marked.
            folder: Folder of the copies.
            copied_from: Folder whose tree they follow, as an earlier run chose it; None for the
                folder that holds all files.
            videos: Whether the files are videos, whose copies are MP4; else copies are JPEG.

        Example:
            >>> files = [Path("/photos/a/1.jpg"), Path("/photos/b/2.png")]
            >>> copies = MarkedCopies.plan(files, Path("marked"), None)
            >>> [str(path) for path in copies.paths.values()]
            ['marked/a/1.jpg', 'marked/b/2.png.jpg']
        """
        parents = {file.parent: os.path.realpath(file.parent) for file in files}
        copied_from = copied_from or Path(os.path.commonpath(parents.values() or [Path.cwd()]))
        taken: set[str] = set()
        paths: dict[Path, Path] = {}
        suffixes = (".mp4",) if videos else _JPEG

        def is_renamed(file: Path) -> bool:
            return file.suffix.lower() not in suffixes

        for file in sorted(files, key=is_renamed):  # those that keep their name come first
            below = Path(os.path.relpath(parents[file.parent], copied_from))
            parts = ("__" if part == ".." else part for part in below.parts)
            name = copy_name(file, suffixes)
            paths[file] = free_path(folder.joinpath(*parts, name), taken)
        return cls(folder, copied_from, paths, is_marked_video if videos else _is_copy)

    def refuse_foreign(self, files: Iterable[Path], inputs: Container[tuple[int, int]]) -> None:
        """Refuse to overwrite pictures to read, and what is no copy.

        Args:
            files: Picture files whose copies are still to be written.
            inputs: Device and inode of the files to read, see `inference.predict.outputs.inode`.

        Raises:
            OutputError: A copy would overwrite one of them.
        """
        for file in files:
            copy = self.paths[file]
            if not copy.exists():
                continue
            if inode(copy) in inputs:
                raise _refused(f"{copy} is one of the pictures to read")
            if not self.is_copy(copy):
                raise _refused(f"{copy} is not a copy that `predict` marked")

    def check_writable(self) -> None:
        """Make the folder and try to write to it. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=self.folder):
            pass

    def has(self, file: Path) -> bool:
        """Whether the copy of a file is there."""
        return self.paths[file].exists()

    def write(
        self, file: Path, faces: Sequence[Face], explanations: Sequence[Explanation] = ()
    ) -> None:
        """Write the copy of a file.

        Args:
            file: Path of the picture, one of those planned.
            faces: Faces to mark, in pixels of the upright picture.
            explanations: Explanations to put below it.

        Raises:
            OSError: The copy cannot be written.
            ImageError: The file cannot be read any more.
        """
        with room_to_decode(file), replacing(self.paths[file]) as new:
            marked = with_panels(annotate(decode(file), faces), explanations)
            marked.save(new, "JPEG", quality=90, comment=_COMMENT)


def copy_name(file: Path, suffixes: Sequence[str] = _JPEG) -> str:
    """Return the name of a file's copy.

    Args:
        file: File that is copied.
        suffixes: Suffixes of a copy's kind, of which the first is put behind other ones.

    Example:
        >>> copy_name(Path("a.jpg")), copy_name(Path("a.png"))
        ('a.jpg', 'a.png.jpg')
    """
    return file.name if file.suffix.lower() in suffixes else file.name + suffixes[0]


def free_path(path: Path, taken: set[str]) -> Path:
    """Return `path`, with a number where another file has it, and take it.

    Args:
        path: Path that is wanted.
        taken: Paths that are taken, in a form that only this function reads.

    Example:
        >>> taken: set[str] = set()
        >>> free_path(Path("a.jpg"), taken).name, free_path(Path("A.jpg"), taken).name
        ('a.jpg', 'A (2).jpg')
    """
    free, number = path, 1
    while (key := _folded(free)) in taken:
        number += 1
        free = path.with_name(f"{path.stem} ({number}){path.suffix}")
    taken.add(key)
    return free


def _folded(path: Path) -> str:
    """Return a path that is the same for names that differ in case or in the form of accents."""
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
