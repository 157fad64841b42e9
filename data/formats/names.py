"""Labels that files' names tell, held against those of a table or of class folders."""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from data.formats import utkface
from data.labels import LABELS, NUMBERS, USUAL, Reading, word_of
from data.manifest import DataError, Dataset


def agreeing(dataset: Dataset, reading: Reading) -> Dataset:
    """The data set, with a note if some names say another label than its rows.

    Names that tell a label are UTKFace's, and folders called as a label is (``male/1.jpg``).

    Raises:
        DataError: most of them do, and the user has not chosen a reading.
    """
    told = told_by_names(dataset.manifest["path"], dataset.root)
    differ = (told != dataset.manifest["label"]) & told.notna()
    wrong, all_told = int(differ.sum()), int(told.notna().sum())
    if not wrong:
        return dataset
    first = dataset.manifest[differ].iloc[0]
    example = f"{first['path']} is read as {LABELS[first['label']]}"
    if 2 * wrong > all_told and not reading.chosen:
        raise DataError(
            f"{dataset.root}: the labels contradict {wrong:,} of {all_told:,} names that tell one "
            f"({example}; UTKFace's names have 0 for man and 1 for woman): say what the labels "
            "mean, LABELS=0=man,1=woman or LABELS=0=woman,1=man"
        )
    note = f"{wrong:,} of {all_told:,} names that tell a label tell another one: {example}"
    return replace(dataset, notes=(*dataset.notes, note))


def told_by_names(paths: pd.Series, root: Path) -> pd.Series:
    """Int8 with the paths' index: the label that a name tells, NA where it tells none."""
    by_folder: dict[str, int | None] = {}
    labels = []
    for path in paths:
        folder, name = os.path.split(path)
        label = utkface.label_in(name)
        if label is None:
            if folder not in by_folder:
                by_folder[folder] = _in_folder(os.path.relpath(folder, root))
            label = by_folder[folder]
        labels.append(pd.NA if label is None else label)
    return pd.Series(labels, index=paths.index, dtype="Int8")


def _in_folder(folder: str) -> int | None:
    """The label that the innermost folder with a label's name tells."""
    words = (word_of(name) for name in reversed(Path(folder).parts))
    labels = (USUAL.label(word) for word in words if len(word) > 1 and word not in NUMBERS)
    return next((label for label in labels if label is not None), None)
