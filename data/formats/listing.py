"""Which image files are there: one directory scan a folder, never a question a file."""

import os
from collections.abc import Iterable
from pathlib import Path

from data.images import is_image_name


def images_in(folder: Path) -> list[str]:
    """Sorted names of the image files that lie directly in `folder`."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_image(entry))


def images_under(folder: Path) -> list[str]:
    """Sorted full paths of the image files in `folder` and below it."""
    found: list[str] = []
    for here, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        found += [f"{here}{os.sep}{name}" for name in names if is_image_name(name)]
    return sorted(found)


def holds_images(folder: Path) -> bool:
    """Whether at least one image file lies directly in `folder`."""
    with os.scandir(folder) as entries:
        return any(_is_image(entry) for entry in entries)


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, sorted, without hidden ones."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not e.name.startswith(".") and e.is_dir()]
    return [folder / name for name in sorted(names)]


def existing(paths: Iterable[str]) -> set[str]:
    """Those of `paths` that are files."""
    wanted = set(paths)
    folders = {os.path.dirname(path) for path in wanted}  # noqa: PTH120 - strings, for speed
    found: set[str] = set()
    for folder in filter(os.path.isdir, folders):
        with os.scandir(folder) as entries:
            found.update(f"{folder.rstrip(os.sep)}{os.sep}{e.name}" for e in entries if e.is_file())
    return wanted & found


def _is_image(entry: os.DirEntry[str]) -> bool:
    return is_image_name(entry.name) and entry.is_file()
