"""A folder a class (``man/ woman/``), alone or under ``train/ val/ test/``."""

from pathlib import Path

import pandas as pd

from data.labels import parse_label
from data.listing import images_under, subfolders
from data.manifest import Dataset, make_manifest

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


def recognises(path: Path) -> bool:
    """Whether there is at least one class folder."""
    return path.is_dir() and bool(_class_folders(path))


def load(path: Path) -> Dataset:
    """Every image below a class folder; the split is that of the folder above it."""
    rows = [
        (image, label, part)
        for folder, label, part in _class_folders(path)
        for image in images_under(folder)
    ]
    frame = pd.DataFrame(rows, columns=["path", "label", "split"])
    manifest = make_manifest(frame["path"].tolist(), frame["label"], split=frame["split"])
    return Dataset("folder per class", path, manifest)


def _class_folders(path: Path) -> list[tuple[Path, int, str | None]]:
    """Folder, label and part of each class folder."""
    parents: list[tuple[Path, str | None]] = [(path, None)]
    parents += [
        (folder, _PARTS[folder.name.lower()])
        for folder in subfolders(path)
        if folder.name.lower() in _PARTS
    ]
    return [
        (folder, label, part)
        for parent, part in parents
        for folder in subfolders(parent)
        if (label := parse_label(folder.name)) is not None
    ]
