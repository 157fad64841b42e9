"""A folder a class (``man/ woman/``), alone or under ``train/ val/ test/``."""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from data.formats.unused import by_folder, unread_tables, unused
from data.listing import Listing, find_images, subfolders
from data.manifest import DataError, Dataset, make_manifest
from data.reading import Reading, has_undefined, in_words, taken_for, word_of

WANTED = (
    "a folder per class (man/ woman/, men/ women/, male/ female/ or 1/ 0/, "
    "with or without train/ val/ test/ above)"
)

_PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def recognizes(path: Path, reading: Reading) -> bool:
    """Whether there is at least one class folder.

    Example:
        >>> import tempfile
        >>> from data.reading import USUAL
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "train" / "men").mkdir(parents=True)
        >>> recognizes(folder, USUAL), recognizes(folder / "train" / "men", USUAL)
        (True, False)
    """
    return path.is_dir() and bool(_class_folders(path, reading))


def load(path: Path, reading: Reading) -> Dataset:
    """Every image below a class folder; the split is that of the folder above it.

    Raises:
        DataError: more images lie in folders that are no class than in those that are, and the
            user has not said which ones are (`LABELS`).

    Example:
        >>> import tempfile
        >>> from data.reading import USUAL
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("train/woman", "val/man"):
        ...     (folder / name).mkdir(parents=True)
        ...     (folder / name / "1.jpg").touch()
        >>> load(folder, USUAL).manifest[["label", "split"]].values.tolist()
        [[0, 'train'], [1, 'val']]
    """
    classes = _class_folders(path, reading)
    listing = find_images(path)
    class_of = {folder: _class_of(Path(folder), path, classes) for folder in _folders(listing)}
    rows = [
        (image, *classes[folder])
        for image in listing.images
        if (folder := class_of[os.path.dirname(image)])  # noqa: PTH120 - strings, for speed
    ]
    paths, labels, parts = map(list, zip(*rows, strict=True)) if rows else ([], [], [])
    extra = sorted(set(listing.images) - set(paths))
    if len(extra) > len(paths) and not reading.chosen:
        raise DataError(
            f"{path}: {len(extra):,} images are in no folder of a class, {len(paths):,} are: "
            f"{in_words(by_folder(path, extra))} would be left out; say which folders are the "
            "classes, LABELS=<folder>=woman,<folder>=man"
        )
    words = sorted({word_of(folder.name) for folder in classes})
    return Dataset(
        "folder per class",
        path,
        make_manifest(paths, pd.Series(labels, dtype="int8"), split=pd.Series(parts, dtype="str")),
        notes=(
            *taken_for(words, reading, "folders"),
            *unread_tables(path),
            *unused(path, listing, paths, "are left out, in no folder of a class"),
        ),
    )


def _class_folders(path: Path, reading: Reading) -> dict[Path, tuple[int, str | None]]:
    """Label and part of each class folder; 0 beside -1 is undefined, as in a table."""
    parents: list[tuple[Path, str | None]] = [(path, None)]
    parents += [
        (folder, _PARTS[folder.name.lower()])
        for folder in subfolders(path)
        if folder.name.lower() in _PARTS
    ]
    classes = {
        folder: (label, part)
        for parent, part in parents
        for folder in subfolders(parent)
        if (label := reading.label(folder.name)) is not None
    }
    if reading.chosen or not has_undefined([folder.name for folder in classes]):
        return classes
    return {folder: facts for folder, facts in classes.items() if folder.name != "0"}


def _folders(listing: Listing) -> set[str]:
    return {os.path.dirname(image) for image in listing.images}  # noqa: PTH120


def _class_of(folder: Path, root: Path, classes: Mapping[Path, object]) -> Path | None:
    """The class folder, one or two levels below `root`, that is `folder` or holds it."""
    names = folder.relative_to(root).parts
    above = (root.joinpath(*names[:depth]) for depth in (1, 2) if len(names) >= depth)
    return next((candidate for candidate in above if candidate in classes), None)
