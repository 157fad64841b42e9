"""A folder a class (``man/ woman/``, ``fair/ black/``), alone or under ``train/ val/ test/``.

Folders of women and men are gender; whatever their names, folders offer the label "class", which
takes the name that `LABEL` gives it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from data.formats.unused import by_folder, unread_tables, unused
from data.labels import GENDER, MISSING
from data.listing import Listing, find_images, holds_images, subfolders
from data.manifest import DataError, Dataset, make_manifest
from data.offers import NOTHING_ASKED, Choice, Offer, choose, offering
from data.reading import (
    NUMBERS,
    Reading,
    has_undefined,
    in_words,
    meaning_of,
    reading_for,
    taken_for,
    word_of,
)

WANTED = (
    "a folder per class (man/ woman/, glasses/ no_glasses/ or any others with images, "
    "with or without train/ val/ test/ above)"
)

_CLASS = "class"
_DEPTH = 4
_PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def recognizes(path: Path, choice: Choice) -> bool:
    """Whether there is at least one folder of a class that is known: woman, man, or as LABELS says.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "train" / "men").mkdir(parents=True)
        >>> recognizes(folder, NOTHING_ASKED), recognizes(folder / "train" / "men", NOTHING_ASKED)
        (True, False)
    """
    return path.is_dir() and bool(_named_by(choice.reading, _class_folders(path)))


def recognizes_any(path: Path, _: Choice = NOTHING_ASKED) -> bool:
    """Whether there are folders of two classes at least, of whatever names, with images.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):
        ...     (folder / name).mkdir()
        ...     (folder / name / "1.jpg").touch()
        >>> recognizes_any(folder)
        True
    """
    return len(_first_classes(path)) == 2


def only_class(path: Path) -> str:
    """Name of the only folder with images, which is a class of its own; empty if it is not so.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "cat").mkdir()
        >>> (folder / "cat" / "1.jpg").touch()
        >>> only_class(folder)
        'cat'
    """
    found = _first_classes(path)
    return next(iter(found)) if len(found) == 1 else ""


def _first_classes(path: Path) -> set[str]:
    """Names of the folders with images, two at most."""
    found: dict[str, str] = {}
    for folder in _class_folders(path) if path.is_dir() else ():
        word = word_of(folder.name)
        if word not in found and _holds_any(folder):
            found[word] = folder.name
        if len(found) == 2:
            break
    return set(found.values())


def load(path: Path, choice: Choice = NOTHING_ASKED) -> Dataset:
    """Every image below a class folder; the split is that of the folder above it.

    Raises:
        DataError: gender is to be learned and more images lie in folders that are no class than in
            those that are, and the user has not said which ones are (`LABELS`); or what is to be
            learned is not offered.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("train/woman", "val/man"):
        ...     (folder / name).mkdir(parents=True)
        ...     (folder / name / "1.jpg").touch()
        >>> load(folder).manifest[["label", "split"]].values.tolist()
        [[0, 'train'], [1, 'val']]
    """
    parts = _class_folders(path)
    listing = find_images(path)
    images = _in_class_folders(listing, path, parts)
    if not images.paths:
        raise DataError(f"{path}: the data set is empty: no image in a folder of a class")
    readings = _readings(images, choice)
    offers = [_offer(name, images, reading) for name, reading in readings.items()]
    tables = unread_tables(path)
    hint = f"; {tables[0]}" if tables else ""
    chosen = choose(offers, choice, str(path), hint)
    kept = chosen.has_any
    used = [image for image, learned in zip(images.paths, kept, strict=True) if learned]
    if chosen.labels == (GENDER,) and not choice.reading.chosen:
        _refuse_if_most_are_elsewhere(path, listing, used)
    split = pd.Series([parts[folder] for folder in images.folders], dtype="str")
    manifest = make_manifest(used, chosen.codes[kept], split=split[kept])
    notes = [note for offer in chosen.offers for note in offer.notes]
    extra = unused(path, listing, used, "are left out, in no folder of a class")
    dataset = Dataset("folder per class", path, manifest, notes=(*notes, *tables, *extra))
    return offering(dataset, images.paths, offers, chosen)


@dataclass(frozen=True)
class _Images:
    """The images below class folders, and the class folder of each."""

    paths: list[str]
    folders: list[Path]

    @property
    def words(self) -> list[str]:
        """Names of the class folders that hold images, as they are written."""
        return sorted({folder.name for folder in self.folders})


def _readings(images: _Images, choice: Choice) -> dict[str, Reading]:
    """How the folders' names are read as each label that they offer."""
    (asked,) = choice.names if len(choice.names) == 1 else ("",)
    of_gender = asked.casefold() in (GENDER.name, "male", "")
    name = _CLASS if of_gender or asked.casefold() == _CLASS else asked
    if choice.reading.chosen:
        return {GENDER.name if choice.reading.is_gender else name: choice.reading}
    known = [word for word in images.words if choice.reading.label(word) is not None]
    readings = {GENDER.name: choice.reading} if known else {}
    words = {word_of(word) for word in images.words}
    if name != _CLASS and known and len(known) == len(images.words) and not words & set(NUMBERS):
        return readings  # women and men have no other name
    return {**readings, name: reading_for(images.words)}


def _offer(name: str, images: _Images, reading: Reading) -> Offer:
    words = sorted({word_of(word) for word in images.words})
    undefined = "0" if not reading.chosen and has_undefined(images.words) else None
    read = {
        folder: MISSING if code is None or folder.name == undefined else code
        for folder in set(images.folders)
        for code in (reading.label(folder.name),)
    }
    return Offer(
        name=name,
        classes=reading.classes,
        codes=np.array([read[folder] for folder in images.folders], dtype=np.int8),
        also=("Male",) if name == GENDER.name else (),
        notes=tuple(taken_for(words, reading, "folders", undefined)),
        meaning=meaning_of(words, reading, undefined),
    )


def _refuse_if_most_are_elsewhere(path: Path, listing: Listing, used: list[str]) -> None:
    extra = sorted(set(listing.images) - set(used))
    if len(extra) > len(used):
        raise DataError(
            f"{path}: {len(extra):,} images are in no folder of a class, {len(used):,} are: "
            f"{in_words(by_folder(path, extra))} would be left out; say which folders are the "
            "classes, LABELS=<folder>=woman,<folder>=man, or take each for one, LABEL=class"
        )


def _class_folders(path: Path) -> dict[Path, str | None]:
    """Folders that may be classes, with the part above them."""
    folders = subfolders(path)
    parts = {folder: _PARTS.get(folder.name.lower()) for folder in folders}
    return {
        **{folder: None for folder, part in parts.items() if part is None},
        **{folder: part for above, part in parts.items() if part for folder in subfolders(above)},
    }


def _named_by(reading: Reading, folders: Mapping[Path, str | None]) -> list[Path]:
    return [folder for folder in folders if reading.label(folder.name) is not None]


def _holds_any(folder: Path, depth: int = _DEPTH) -> bool:
    """Whether there is an image in a folder or not far below it."""
    try:
        return holds_images(folder) or (
            depth > 0 and any(_holds_any(below, depth - 1) for below in subfolders(folder))
        )
    except OSError:
        return False


def _in_class_folders(listing: Listing, root: Path, folders: Mapping[Path, str | None]) -> _Images:
    class_of = {folder: _class_of(Path(folder), root, folders) for folder in _folders(listing)}
    found = [
        (image, folder)
        for image in listing.images
        if (folder := class_of[os.path.dirname(image)])  # noqa: PTH120 - strings, for speed
    ]
    return _Images([image for image, _ in found], [folder for _, folder in found])


def _folders(listing: Listing) -> set[str]:
    return {os.path.dirname(image) for image in listing.images}  # noqa: PTH120


def _class_of(folder: Path, root: Path, classes: Mapping[Path, object]) -> Path | None:
    """The class folder, one or two levels below `root`, that is `folder` or holds it."""
    names = folder.relative_to(root).parts
    above = (root.joinpath(*names[:depth]) for depth in (1, 2) if len(names) >= depth)
    return next((candidate for candidate in above if candidate in classes), None)
