"""What lies in a data set's folder and is not used, in one line each."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from data.listing import Listing, kinds_in_words
from data.reading import in_words

_SHOWN = 5
_TABLES = (".csv", ".tsv", ".parquet")


def unused(root: Path, listing: Listing, used: Iterable[str], why: str) -> tuple[str, ...]:
    """Remarks on images that are not among `used`, kinds that are not read, and closed folders.

    `why` completes "12 images … ", such as "have no row in the table".

    Example:
        >>> listing = Listing(images=["/faces/a.jpg", "/faces/b.jpg"])
        >>> unused(Path("/faces"), listing, ["/faces/a.jpg"], "have no row in the table")
        ('1 images have no row in the table',)
    """
    extra = unused_images(listing, used)
    remarks = []
    if extra:
        remarks.append(f"{len(extra):,} images {why}{_in_folders(root, extra)}")
    return (*remarks, *_other_kinds(listing), *_unopened(listing))


def unused_images(listing: Listing, used: Iterable[str]) -> list[str]:
    """The listed images that are not among `used`, whatever links lead there.

    Example:
        >>> listing = Listing(images=["/faces/a.jpg", "/faces/b.jpg"])
        >>> unused_images(listing, ["/faces/a.jpg"])
        ['/faces/b.jpg']
    """
    used = set(used)
    extra = [path for path in listing.images if path not in used]
    if not extra:
        return []
    folders = {os.path.dirname(path) for path in (*extra, *used)}  # noqa: PTH120 - for speed
    real = {folder: os.path.realpath(folder) for folder in folders}

    def real_path(path: str) -> tuple[str, str]:
        folder, name = os.path.split(path)
        return real[folder], name

    there = set(map(real_path, used))
    return [path for path in extra if real_path(path) not in there]


def unread_tables(root: Path) -> list[str]:
    """A remark on tables beside images whose labels are in files' or folders' names.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "faces.csv").touch()
        >>> unread_tables(folder)
        ['faces.csv: not read, for names tell the labels; DATA=...faces.csv does']
    """
    names = sorted(path.name for path in root.iterdir() if path.suffix.lower() in _TABLES)
    if not names:
        return []
    return [f"{', '.join(names)}: not read, for names tell the labels; DATA={root / names[0]} does"]


def by_folder(root: Path, images: Iterable[str]) -> Counter[str]:
    """How many images lie in each folder, by its path below `root`.

    Example:
        >>> by_folder(Path("/faces"), ["/faces/man/a.jpg", "/faces/man/b.jpg", "/faces/c.jpg"])
        Counter({'man': 2, '.': 1})
    """
    return Counter(os.path.relpath(os.path.dirname(path), root) for path in images)  # noqa: PTH120


def _in_folders(root: Path, images: list[str]) -> str:
    folders = by_folder(root, images)
    return "" if set(folders) == {"."} else f": in {in_words(folders)}"


def _other_kinds(listing: Listing) -> list[str]:
    kinds = listing.other_kinds
    if not kinds:
        return []
    return [f"{kinds.total():,} pictures of kinds that are not read: {kinds_in_words(kinds)}"]


def _unopened(listing: Listing) -> list[str]:
    if not listing.unopened:
        return []
    shown = "; ".join(f"{folder}: {why}" for folder, why in listing.unopened[:_SHOWN])
    more = len(listing.unopened) - _SHOWN
    rest = f" and {more:,} more" if more > 0 else ""
    return [f"{len(listing.unopened):,} folders cannot be opened: {shown}{rest}"]
