"""A table of one's own, CSV or parquet: a column of image paths and a column of labels.

Columns are known by name, in any case: see `_ROLES`. Relative paths start at the table's
folder. A 0/1 label means 0 woman, 1 man. Every other column that holds only true/false, 0/1
or -1/1 is kept as an attribute.
"""

import csv
from pathlib import Path

import pandas as pd

from data.labels import parse_label, parse_labels
from data.listing import existing
from data.manifest import DataError, Dataset, make_manifest

WANTED = "a CSV or parquet table with an image and a label column"

_ROLES = {
    "path": (
        "path",
        "file",
        "filename",
        "file_name",
        "filepath",
        "image",
        "image_path",
        "image_id",
    ),
    "label": ("label", "gender", "sex", "male"),
    "identity": ("identity", "identity_id", "person", "person_id", "subject", "subject_id"),
    "split": ("split", "partition", "subset"),
}
_SPLITS = {
    "train": "train",
    "training": "train",
    "0": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "1": "val",
    "test": "test",
    "testing": "test",
    "2": "test",
}
_BOOLEANS = {"true", "false", "0", "1", "-1"}
_SUFFIXES = (".csv", ".tsv", ".parquet")


def recognises(path: Path) -> bool:
    """Whether `path` is a table, or a folder with exactly one."""
    return _find(path) is not None


def load(path: Path) -> Dataset:
    """Read the table; rows without a label or whose image is absent are left out and noted.

    Raises:
        DataError: the table can't be read, has no path or label column (its columns are
            listed), holds values that are no labels, or none of its images is there.
    """
    place = _find(path)
    if place is None:
        raise DataError(f"{path}: no table there")
    table = _read(place)
    columns = {role: _column(table, role) for role in _ROLES}
    for role in ("path", "label"):
        if columns[role] is None:
            raise _no_column(place, table, role)
    named = table.rename(columns={column: role for role, column in columns.items() if column})
    labelled = named.dropna(subset=["path", "label"])
    paths = _absolute(labelled["path"], place.parent)
    present = paths.isin(existing(paths))
    if len(paths) and not present.any():
        raise DataError(f"{place}: none of its {len(paths):,} images is there: {paths.iloc[0]}")
    rows = labelled[present]
    notes = (
        (len(named) - len(labelled), "{:,} rows of the table have no path or no label"),
        (len(labelled) - len(rows), "{:,} rows of the table have no image here"),
    )
    return Dataset(
        f"{place.suffix[1:].upper()} table",
        place.parent,
        make_manifest(
            paths[present].tolist(),
            parse_labels(rows["label"].rename(columns["label"]), str(place)),
            identity=_identity(rows),
            split=_split(rows, place),
            attributes=_attributes(rows),
        ),
        notes=tuple(text.format(count) for count, text in notes if count),
    )


def _find(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix.lower() in _SUFFIXES else None
    tables = [place for place in path.iterdir() if place.suffix.lower() in _SUFFIXES]
    return tables[0] if len(tables) == 1 and tables[0].is_file() else None


def _read(place: Path) -> pd.DataFrame:
    try:
        if place.suffix.lower() == ".parquet":
            return pd.read_parquet(place)
        return pd.read_csv(place, sep=_separator(place), encoding="utf-8-sig", low_memory=False)
    except ImportError as error:
        raise DataError(f"{place}: reading parquet needs pyarrow: pip install pyarrow") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{place}: the data set is empty: nothing in the table") from error
    except (ValueError, OSError) as error:
        raise DataError(f"{place}: not a table: {' '.join(str(error).split())}") from error


def _separator(place: Path) -> str:
    with place.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    try:
        return csv.Sniffer().sniff(header, delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def _column(table: pd.DataFrame, role: str) -> str | None:
    """The table's column for a role, the first of the role's names that it has."""
    by_name = {str(column).strip().lower(): column for column in reversed(table.columns)}
    return next((by_name[name] for name in _ROLES[role] if name in by_name), None)


def _no_column(place: Path, table: pd.DataFrame, role: str) -> DataError:
    columns = ", ".join(map(str, table.columns)) or "none"
    names = ", ".join(_ROLES[role])
    return DataError(f"{place}: no {role} column ({names}); its columns: {columns}")


def _absolute(paths: pd.Series, folder: Path) -> pd.Series:
    return paths.map(lambda path: str(folder / str(path).strip())).astype("str")


def _identity(rows: pd.DataFrame) -> pd.Series | None:
    if "identity" not in rows:
        return None
    values = rows["identity"]
    return values.astype("Int64") if _is_whole(values) else values


def _is_whole(values: pd.Series) -> bool:
    """Numbers that became floats only because some are missing: 7.0 is person 7."""
    return pd.api.types.is_float_dtype(values) and bool((values.dropna() % 1 == 0).all())


def _split(rows: pd.DataFrame, place: Path) -> pd.Series | None:
    if "split" not in rows:
        return None
    words = rows["split"].astype("string").str.strip().str.lower().str.removesuffix(".0")
    unknown = sorted(set(words.dropna()) - set(_SPLITS))
    if unknown:
        raise DataError(f"{place}: split holds {unknown[0]!r}; use train, val and test")
    return words.map(_SPLITS)


def _attributes(rows: pd.DataFrame) -> pd.DataFrame:
    others = rows.drop(columns=["path", "label", "identity", "split"], errors="ignore")
    return pd.DataFrame(
        {
            str(name): others[name].map(parse_label) == 1
            for name in others
            if _is_boolean(others[name])
        },
        index=rows.index,
    )


def _is_boolean(values: pd.Series) -> bool:
    words = {str(value).strip().lower().removesuffix(".0") for value in values.unique()}
    return bool(words) and words <= _BOOLEANS
