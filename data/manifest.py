"""The manifest: one row an image, the form in which every data set reaches the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from data.images import Framing
from data.labels import GENDER, MISSING, Label, class_counts, code_columns, codes_of, is_code_column

SPLITS = ("train", "val", "test")
"""The parts of a data set, as written in a manifest's `split`."""

PATHS = pd.StringDtype("python", na_value=float("nan"))
"""Dtype of paths, equal to "str": pyarrow's strings take no name that is not UTF-8."""

DATASET = "dataset"
"""Column that names the data set of each image, where several were joined."""

_SHOWN = 8
_COLUMNS = ("path", "label", "identity", "split", DATASET)


class DataError(ValueError):
    """A data set cannot be used.

    The message is one line for the user: what is wrong, where, and what to do.
    """


@dataclass(frozen=True)
class OfferedLabel:
    """A label that a data set offers, whether it is learned or not.

    Attributes:
        label: The label.
        counts: Number of images of each of its classes.
        missing: Number of images that have none.
        meaning: What words mean that do not say it themselves, as in "-1 for no, 1 for yes".

    Example:
        >>> OfferedLabel(GENDER, counts=(2, 1), missing=0).label.name
        'gender'
    """

    label: Label
    counts: tuple[int, ...]
    missing: int
    meaning: str = ""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A recognized data set.

    The manifest has one row an image, index 0..N-1:

    ========= ======== ==================================================================
    path      str      absolute path of the image
    label     int8     code of its class, see `data.labels`; -1 where it has none. Of several labels
                       a column each, `label:<name>`
    identity  string   who it is, or NA; photos of one person share it
    split     string   train, val or test in every row (official parts), or NA in every row
    dataset   string   name of its data set; only where several were joined
    others    bool     attributes, such as `Eyeglasses`
    ========= ======== ==================================================================

    Attributes:
        name: The format in words.
        root: The folder that holds it, absolute.
        manifest: Manifest of its labeled images, the table above.
        synthetic: Whether the faces are drawn, so that figures only show that the pipeline works.
        notes: Remarks of one line on what loading left out or assumed.
        framing: The part of its images that a classifier should see, see `data.images.framed`.
        labels: What is learned of it, a code column each in the manifest.
        strata: Whether an image is of a class, bool [N or more, S], indexed by path: a column
            `<label>=<class>` for each class of every label that the data set offers, whichever are
            chosen. `data.sample` and `data.split` draw and deal by them, so that all labels share
            one sample and one split; None where nothing is known but the chosen labels.
        offers: The labels that it offers, which `data.load` takes as `label`.
        dealt: Whether its parts were made by `data.split`, not given with it.

    Example:
        >>> manifest = make_manifest(["/faces/a.jpg", "/faces/b.jpg"], pd.Series([0, 1]))
        >>> dataset = Dataset("CSV table", Path("/faces"), manifest)
        >>> dataset.manifest["label"].value_counts().to_dict(), dataset.framing
        ({0: 1, 1: 1}, 'stretch')
    """

    name: str
    root: Path
    manifest: pd.DataFrame
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    framing: Framing = "stretch"
    labels: tuple[Label, ...] = (GENDER,)
    strata: pd.DataFrame | None = None
    offers: tuple[OfferedLabel, ...] = ()
    dealt: bool = False


def make_manifest(
    paths: Sequence[str],
    labels: pd.Series | pd.DataFrame,
    *,
    identity: pd.Series | None = None,
    split: pd.Series | None = None,
    attributes: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Put columns together, by position, in the manifest's order and dtypes.

    Args:
        paths: N absolute paths of images.
        labels: N codes of the label, 0 woman, 1 man; of several labels N rows of
            `data.labels.code_columns`.
        identity: N names or numbers of people, NA where unknown; None if none is known.
        split: N of "train", "val" and "test", NA where there is none; None for no parts.
        attributes: N rows of further columns, which become booleans.

    Returns:
        The manifest, as `Dataset` describes it.

    Example:
        >>> make_manifest(["/a.jpg", "/b.jpg"], pd.Series([0, 1])).columns.tolist()
        ['path', 'label', 'identity', 'split']
    """
    codes = labels.to_frame("label") if isinstance(labels, pd.Series) else labels
    columns = {
        "path": pd.Series(list(paths), dtype=PATHS),
        **dict(codes.astype("int8").reset_index(drop=True).items()),
        "identity": _strings(identity, len(paths)),
        "split": _strings(split, len(paths)),
    }
    manifest = pd.DataFrame(columns)
    if attributes is None:
        return manifest
    names = [name for name in attributes if name not in _COLUMNS and not is_code_column(str(name))]
    others = attributes[names].astype(bool)
    return pd.concat([manifest, others.reset_index(drop=True)], axis=1)


def read_manifest(table: Path | TextIO) -> pd.DataFrame:
    r"""Read a manifest that was written as CSV.

    Args:
        table: Path or content of the CSV file.

    Returns:
        The manifest, `path`, `identity` and `split` in their dtypes, other columns in those that
        pandas infers.

    Raises:
        OSError: The file cannot be read.

    Example:
        >>> from io import StringIO
        >>> table = StringIO("path,label,identity,split\n/a.jpg,1,007,train")
        >>> read_manifest(table).iloc[0].to_dict()
        {'path': '/a.jpg', 'label': 1, 'identity': '007', 'split': 'train'}
    """
    dtypes: dict[str, Any] = {"path": PATHS, "identity": "string", "split": "string"}
    return pd.read_csv(table, dtype=dtypes, encoding="utf-8", encoding_errors="surrogateescape")


def attributes(manifest: pd.DataFrame) -> list[str]:
    """List the attribute columns of a manifest.

    Args:
        manifest: Manifest of a data set, as `Dataset` describes it.

    Returns:
        Names of its boolean columns.

    Example:
        >>> smiling = pd.DataFrame({"Smiling": [True, False]})
        >>> attributes(make_manifest(["a", "b"], pd.Series([0, 1]), attributes=smiling))
        ['Smiling']
    """
    return [name for name in manifest.columns if name not in _COLUMNS and not is_code_column(name)]


def in_words(manifest: pd.DataFrame, labels: Sequence[Label]) -> pd.Series:
    """Say of what class each image is: "woman", or of several labels "Smiling yes, hair black".

    Args:
        manifest: Manifest of N images, with codes of the labels.
        labels: Labels of the manifest.

    Returns:
        N texts, with the manifest's index; a label of which an image has no class is not in them.

    Example:
        >>> in_words(pd.DataFrame({"label": [1, 0]}), [GENDER]).tolist()
        ['man', 'woman']
    """
    columns = [manifest[name] for name in code_columns(labels)]
    if len(labels) == 1:
        return columns[0].map(dict(enumerate(labels[0].classes))).fillna("").astype("str")
    rows = zip(*columns, strict=True)
    texts = [
        ", ".join(
            f"{label.name} {label.classes[code]}"
            for label, code in zip(labels, codes, strict=True)
            if code != MISSING
        )
        for codes in rows
    ]
    return pd.Series(texts, index=manifest.index, dtype="str")


def has_official_split(manifest: pd.DataFrame) -> bool:
    """Whether every row has a part and all three parts occur.

    Example:
        >>> has_official_split(pd.DataFrame({"split": ["train", "val", "test"]}))
        True
        >>> has_official_split(pd.DataFrame({"split": ["train", "test"]}))
        False
    """
    return bool(manifest["split"].notna().all()) and set(manifest["split"].unique()) == set(SPLITS)


def checked(dataset: Dataset) -> Dataset:
    """Keep a data set's parts only if they are official, see `has_official_split`.

    Raises:
        DataError: As `require_images`.

    Example:
        >>> parts = pd.Series(["train", "test"])
        >>> manifest = make_manifest(["a.jpg", "b.jpg"], pd.Series([0, 1]), split=parts)
        >>> checked(Dataset("CSV table", Path("/faces"), manifest)).notes
        ('the given partition has only train, test: a new split will be made by identity',)
    """
    require_images(dataset)
    manifest = dataset.manifest
    if manifest["split"].isna().all() or has_official_split(manifest):
        return dataset
    return replace(
        dataset,
        manifest=manifest.assign(split=pd.Series(pd.NA, index=manifest.index, dtype="string")),
        notes=(*dataset.notes, f"{split_fault(manifest)}: a new split will be made by identity"),
    )


def require_images(dataset: Dataset) -> None:
    """Raise a `DataError` if a data set has no image, or none of a class.

    Example:
        >>> require_images(Dataset("CSV table", Path("/faces"), pd.DataFrame({"label": []})))
        Traceback (most recent call last):
            ...
        data.manifest.DataError: /faces: the data set is empty: no labeled image in it
    """
    if dataset.manifest.empty:
        raise DataError(f"{dataset.root}: the data set is empty: no labeled image in it")
    require_classes(dataset.manifest, dataset.labels, str(dataset.root))


def require_classes(manifest: pd.DataFrame, labels: Sequence[Label], where: str) -> None:
    """Raise a `DataError` that begins with `where` unless every class of every label occurs.

    Example:
        >>> require_classes(pd.DataFrame({"label": [0, 1]}), [GENDER], "/faces")
        >>> require_classes(pd.DataFrame({"label": [1, 1]}), [GENDER], "/faces")
        Traceback (most recent call last):
            ...
        data.manifest.DataError: /faces: all 2 images are labeled 'man'; a classifier needs ...
    """
    for label, codes in zip(labels, codes_of(manifest).T, strict=True):
        counts = class_counts(codes, len(label.classes))
        if counts.all():
            continue
        if np.count_nonzero(counts) > 1:
            shown = counts_in_words(label.classes, counts)
            raise DataError(f"{where}: a class of {label.name!r} has no image: {shown}")
        others = [name for name, count in zip(label.classes, counts, strict=True) if not count]
        raise DataError(
            f"{where}: all {counts.sum():,} images are labeled {label.classes[counts.argmax()]!r}; "
            f"a classifier needs images of {'both' if label.is_binary else 'all'} classes, "
            f"add some labeled {others[0]!r}"
        )


def require_classes_kept(manifest: pd.DataFrame, kept: pd.DataFrame, where: str) -> None:
    """Raise a `DataError` that begins with `where` if a class is in a manifest, in `kept` no more.

    Example:
        >>> manifest = pd.DataFrame({"label": [0, 1, 1]})
        >>> require_classes_kept(manifest, manifest[1:], "the readable images")
        Traceback (most recent call last):
            ...
        data.manifest.DataError: the readable images: of 3 images 2 are left, none of class 0 ...
    """
    for name in filter(is_code_column, map(str, manifest)):
        lost = set(manifest[name]) - set(kept[name]) - {MISSING}
        if lost:
            raise DataError(
                f"{where}: of {len(manifest):,} images {len(kept):,} are left, none of class "
                f"{min(lost)} in {name!r}"
            )


def counts_in_words(classes: Sequence[str], counts: Sequence[int] | np.ndarray) -> str:
    """Say how many images each class has, of many classes the fewest.

    Example:
        >>> counts_in_words(("woman", "man"), (1200, 1))
        'man 1, woman 1,200'
    """
    order = np.argsort(counts, kind="stable")
    shown = ", ".join(f"{classes[code]} {counts[code]:,}" for code in order[:_SHOWN])
    return f"{shown} and {len(order) - _SHOWN:,} others" if len(order) > _SHOWN else shown


def split_fault(manifest: pd.DataFrame) -> str:
    """Say what a manifest's parts lack, some of whose rows have one.

    Example:
        >>> split_fault(pd.DataFrame({"split": ["train", "train"]}))
        'the given partition has only train'
    """
    unassigned = int(manifest["split"].isna().sum())
    if unassigned:
        return f"the given partition leaves out {unassigned:,} of {len(manifest):,} images"
    there = set(manifest["split"].unique())
    found = [part for part in SPLITS if part in there]
    return f"the given partition has only {', '.join(found)}"


def _strings(values: pd.Series | None, length: int) -> pd.Series:
    if values is None:
        return pd.Series(pd.NA, index=range(length), dtype="string")
    return values.astype("string").reset_index(drop=True)
