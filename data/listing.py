"""Which image files are there: one directory scan a folder, never a question a file.

Every walk through folders, for training and for serving, is `find_images`: hidden folders and those
that file servers and desktops keep for themselves are passed over, linked folders are followed, and
a folder that is reached twice is visited once.
"""

import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from data.images import how_to_read, is_image_name

_SERVICE_FOLDERS = frozenset(
    (
        "__macosx",
        "@eadir",
        "#recycle",
        "@recycle",
        "#snapshot",
        "@recently-snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
    )
)
"""Thumbnails, recycle bins and the like, in lower case."""

_OTHER_KINDS = frozenset(
    (
        *("heic", "heif", "hif", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "srw"),
        *("pef", "jxl", "jp2", "j2k", "psd", "xcf"),
    )
)
"""Suffixes of pictures that are not read here."""


@dataclass(frozen=True)
class Listing:
    """What lies in a folder and below it.

    Attributes:
        images: Full paths of the image files, sorted.
        other_kinds: Number of pictures of kinds that are not read, by suffix ("heic").
        unopened: Path and reason of each folder that cannot be looked into.

    Example:
        >>> listing = find_images(Path("no/such/folder"))
        >>> listing.images, listing.unopened
        ([], [('no/such/folder', 'No such file or directory')])
    """

    images: list[str] = field(default_factory=list)
    other_kinds: Counter[str] = field(default_factory=Counter)
    unopened: list[tuple[str, str]] = field(default_factory=list)


def kinds_in_words(kinds: Counter[str]) -> str:
    """Return `Listing.other_kinds` with what to do about each: ``3 .heic (install …)``.

    Example:
        >>> kinds_in_words(Counter(dng=3))
        '3 .dng (convert them to JPEG first)'
    """
    each = (f"{n:,} .{kind} ({how_to_read(kind)})" for kind, n in kinds.most_common())
    return ", ".join(each)


def find_images(folder: Path) -> Listing:
    """List the pictures in `folder` and below it.

    Hidden and service folders are passed over, and so are hidden files. Links to folders are
    followed after all real folders, so that a picture is listed under its own path where it has one
    below `folder`; each real folder is visited once, whatever leads there.

    Args:
        folder: Folder to look into.

    Returns:
        What lies there; a folder that is missing or closed is among its `unopened`.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("face.jpg", "notes.txt", "raw.dng"):
        ...     (folder / name).touch()
        >>> listing = find_images(folder)
        >>> [Path(path).name for path in listing.images], listing.other_kinds
        (['face.jpg'], Counter({'dng': 1}))
    """
    listing = Listing()
    visited: set[tuple[int, int]] = set()
    real, linked = [str(folder)], deque[str]()
    while real or linked:
        here = real.pop() if real else linked.popleft()
        try:
            status = os.stat(here)  # noqa: PTH116 - strings, for speed
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir():
                        if not is_service_folder(entry.name):
                            (linked if entry.is_symlink() else real).append(entry.path)
                    elif is_image_name(entry.name):
                        listing.images.append(entry.path)
                    elif (kind := _other_kind(entry.name)) and entry.is_file():
                        listing.other_kinds[kind] += 1
        except OSError as error:
            listing.unopened.append((here, error.strerror or str(error)))
    listing.images.sort()
    return listing


def is_service_folder(name: str) -> bool:
    """Whether a folder's name says that no one's own pictures are in it.

    Example:
        >>> is_service_folder("@eaDir"), is_service_folder(".git"), is_service_folder("faces")
        (True, True, False)
    """
    return name.startswith(".") or name.lower() in _SERVICE_FOLDERS


def _other_kind(name: str) -> str | None:
    suffix = name.rpartition(".")[2].lower()
    return suffix if suffix in _OTHER_KINDS and not name.startswith(".") else None


def images_in(folder: Path) -> list[str]:
    """Sorted names of the image files that lie directly in `folder`.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("b.jpg", "a.png", "notes.txt"):
        ...     (folder / name).touch()
        >>> images_in(folder)
        ['a.png', 'b.jpg']
    """
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if _is_image(entry))


def holds_images(folder: Path) -> bool:
    """Whether at least one image file lies directly in `folder`.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "notes.txt").touch()
        >>> holds_images(folder)
        False
    """
    with os.scandir(folder) as entries:
        return any(_is_image(entry) for entry in entries)


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, sorted, without hidden ones and service folders.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("woman", "man", "__MACOSX"):
        ...     (folder / name).mkdir()
        >>> [path.name for path in subfolders(folder)]
        ['man', 'woman']
    """
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not is_service_folder(e.name) and e.is_dir()]
    return [folder / name for name in sorted(names)]


def existing(paths: Iterable[str]) -> set[str]:
    """Those of `paths` that are files.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "face.jpg")
        >>> path.touch()
        >>> existing([str(path), "missing.jpg"]) == {str(path)}
        True
    """
    wanted = set(paths)
    folders = {os.path.dirname(path) for path in wanted}  # noqa: PTH120 - strings, for speed
    found: set[str] = set()
    for folder in filter(os.path.isdir, folders):
        with os.scandir(folder) as entries:
            found.update(f"{folder.rstrip(os.sep)}{os.sep}{e.name}" for e in entries if e.is_file())
    return wanted & found


def _is_image(entry: os.DirEntry[str]) -> bool:
    return is_image_name(entry.name) and entry.is_file()
