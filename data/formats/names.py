"""Gender in the names of files and folders, held against those of a table or class folders."""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from data.formats import utkface
from data.labels import GENDER, MISSING, column
from data.manifest import DataError, Dataset
from data.reading import NUMBERS, USUAL, Reading, word_of


def agreeing(dataset: Dataset, reading: Reading) -> Dataset:
    """Compare the gender of a data set's images, if it is learned, with that in their names.

    Names with it are UTKFace's, and folders called as a label is (``male/1.jpg``).

    Args:
        dataset: A data set that was read from a table or class folders.
        reading: How its labels were read.

    Returns:
        The data set, with a note if some names have another label than their rows.

    Raises:
        DataError: Most of them have, and the user has not chosen a reading.

    Example:
        >>> from data.manifest import make_manifest
        >>> paths = ["/faces/man/1.jpg", "/faces/man/2.jpg", "/faces/woman/3.jpg"]
        >>> manifest = make_manifest(paths, pd.Series([1, 1, 1]))
        >>> dataset = Dataset("CSV table", Path("/faces"), manifest)
        >>> print(agreeing(dataset, USUAL).notes[0])
        1 of 3 names that hold a label hold another one: /faces/woman/3.jpg is read as man
    """
    if GENDER not in dataset.labels:
        return dataset
    codes = dataset.manifest[column("label", GENDER, dataset.labels)]
    in_names = labels_in_names(dataset.manifest["path"], dataset.root)
    differ = (in_names != codes) & in_names.notna() & (codes != MISSING)
    contradicting, labeled = int(differ.sum()), int(in_names.notna().sum())
    if not contradicting:
        return dataset
    path, code = dataset.manifest["path"][differ].iloc[0], codes[differ].iloc[0]
    example = f"{path} is read as {GENDER.classes[code]}"
    if 2 * contradicting > labeled and not reading.chosen:
        raise DataError(
            f"{dataset.root}: the labels contradict {contradicting:,} of {labeled:,} names "
            f"that hold one ({example}; UTKFace's names have 0 for man and 1 for woman): say what "
            "the labels mean, LABELS=0=man,1=woman or LABELS=0=woman,1=man"
        )
    note = f"{contradicting:,} of {labeled:,} names that hold a label hold another one: {example}"
    return replace(dataset, notes=(*dataset.notes, note))


def labels_in_names(paths: pd.Series, root: Path) -> pd.Series:
    """Read the labels in names.

    Args:
        paths: N paths below `root`.
        root: The data set's folder.

    Returns:
        Int8 [N] with the index of `paths`, NA where a name holds no label.

    Example:
        >>> paths = pd.Series(["/faces/man/1.jpg", "/faces/30_1_0_20170116.jpg", "/faces/2.jpg"])
        >>> labels_in_names(paths, Path("/faces")).tolist()
        [1, 0, <NA>]
    """
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
    """The label of the innermost folder that is called as a label is."""
    words = (word_of(name) for name in reversed(Path(folder).parts))
    labels = (USUAL.label(word) for word in words if len(word) > 1 and word not in NUMBERS)
    return next((label for label in labels if label is not None), None)
