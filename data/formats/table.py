"""A table of one's own, CSV or parquet: a column of image paths and a column of labels.

Columns are known by name, in any case: see `_ROLES`. Relative paths start at the table's
folder. A 0/1 label means 0 woman, 1 man, unless `LABELS` says otherwise. Every other column that
holds only true/false, 0/1 or -1/1 is kept as an attribute.
"""

import csv
import os
from pathlib import Path

import pandas as pd

from data.formats.booleans import booleans
from data.formats.unused import unused
from data.listing import Listing, existing, find_images
from data.manifest import PATHS, DataError, Dataset, make_manifest
from data.messages import one_line
from data.reading import Reading, read_labels

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
_SUFFIXES = (".csv", ".tsv", ".parquet")


def recognizes(path: Path, _: Reading) -> bool:
    """Whether `path` is a table, or a folder with one.

    Example:
        >>> import tempfile
        >>> from data.reading import USUAL
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "faces.csv").touch()
        >>> recognizes(folder, USUAL), recognizes(folder / "faces.csv", USUAL)
        (True, True)
    """
    return bool(_tables(path))


def load(path: Path, reading: Reading) -> Dataset:
    r"""Read the table; rows without a label or whose image is absent are left out and noted.

    Raises:
        DataError: the table can't be read, has no path or label column (its columns are
            listed), holds values that are no labels, or none of its images is there.

    Example:
        >>> import tempfile
        >>> from data.reading import USUAL
        >>> file = Path(tempfile.mkdtemp(), "faces.csv")
        >>> _ = file.write_text("image,sex,hat\n1.jpg,f,1\n2.jpg,m,0")
        >>> file.with_name("1.jpg").touch()
        >>> dataset = load(file, USUAL)
        >>> dataset.manifest[["label", "hat"]].values.tolist(), dataset.notes
        ([[0, True]], ('1 rows of the table have no image here',))
    """
    file, *others = _tables(path)
    if others:
        names = ", ".join(table.name for table in (file, *others))
        raise DataError(f"{path}: holds several tables, {names}: name one, DATA={file}")
    table = _read(file)
    columns = _columns(file, table)
    named = table.rename(columns={column: role for role, column in columns.items()})
    whole = named.dropna(subset=["path", "label"])
    paths = _absolute(whole["path"], file.parent)
    present = paths.isin(existing(paths))
    if len(paths) and not present.any():
        raise DataError(f"{file}: none of its {len(paths):,} images is there: {paths.iloc[0]}")
    rows = whole[present].assign(path=paths[present])
    missing = (
        (len(named) - len(whole), "{:,} rows of the table have no path or no label"),
        (len(whole) - len(rows), "{:,} rows of the table have no image here"),
    )
    notes = [text.format(count) for count, text in missing if count]
    label = rows["label"].rename(columns["label"])
    read = read_labels(label, str(file), reading, whole["label"])
    attributes, on_attributes = _attributes(whole)
    manifest = _manifest(rows.assign(label=read.labels), attributes, file)
    extra = unused(
        file.parent, _listing(path, rows["path"]), rows["path"], "have no row in the table"
    )
    return Dataset(
        f"{file.suffix[1:].upper()} table",
        file.parent,
        manifest,
        notes=(*notes, *read.notes, *on_attributes, *extra),
    )


def _manifest(rows: pd.DataFrame, attributes: pd.DataFrame, file: Path) -> pd.DataFrame:
    """The manifest of the rows that have a label."""
    rows = rows[rows["label"].notna()]
    return make_manifest(
        rows["path"].tolist(),
        rows["label"],
        identity=_identity(rows),
        split=_split(rows, file),
        attributes=attributes.loc[rows.index],
    )


def _attributes(table: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    return booleans(table.drop(columns=["path", "label", "identity", "split"], errors="ignore"))


def _listing(path: Path, images: pd.Series) -> Listing:
    """What lies in the data set: in the folder that was named, or else where its images are."""
    if path.is_dir():
        return find_images(path)
    folders = sorted({os.path.dirname(image) for image in images})  # noqa: PTH120 - for speed
    whole = Listing()
    for folder in folders:
        if not any(folder.startswith(f"{other}{os.sep}") for other in folders):
            found = find_images(Path(folder))
            whole.images.extend(found.images)
            whole.other_kinds.update(found.other_kinds)
            whole.unopened.extend(found.unopened)
    return whole


def _tables(path: Path) -> list[Path]:
    files = [path] if path.is_file() else path.iterdir()
    return sorted(p for p in files if p.suffix.lower() in _SUFFIXES and p.is_file())


def _read(file: Path) -> pd.DataFrame:
    try:
        if file.suffix.lower() == ".parquet":
            return pd.read_parquet(file)
        return pd.read_csv(file, sep=_separator(file), encoding="utf-8-sig", low_memory=False)
    except ImportError as error:
        raise DataError(f"{file}: reading parquet needs pyarrow: pip install pyarrow") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{file}: the data set is empty: nothing in the table") from error
    except (ValueError, OSError) as error:
        raise DataError(f"{file}: not a table: {one_line(error)}") from error


def _separator(file: Path) -> str:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        header = lines.readline()
    try:
        return csv.Sniffer().sniff(header, delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def _columns(file: Path, table: pd.DataFrame) -> dict[str, str]:
    """The table's column for each role that it has, the first of the role's names."""
    by_name = {str(column).strip().lower(): column for column in reversed(table.columns)}
    found = {
        role: by_name[name]
        for role, names in _ROLES.items()
        for name in reversed(names)
        if name in by_name
    }
    missing = next((role for role in ("path", "label") if role not in found), None)
    if missing:
        columns = ", ".join(map(str, table.columns)) or "none"
        names = ", ".join(_ROLES[missing])
        raise DataError(f"{file}: no {missing} column ({names}); its columns: {columns}")
    return found


def _absolute(paths: pd.Series, folder: Path) -> pd.Series:
    return pd.Series(
        [str(folder / str(path).strip()) for path in paths], index=paths.index, dtype=PATHS
    )


def _identity(rows: pd.DataFrame) -> pd.Series | None:
    if "identity" not in rows:
        return None
    values = rows["identity"]
    return values.astype("Int64") if _is_whole(values) else values


def _is_whole(values: pd.Series) -> bool:
    """Numbers that became floats only because some are missing: 7.0 is person 7."""
    return pd.api.types.is_float_dtype(values) and bool((values.dropna() % 1 == 0).all())


def _split(rows: pd.DataFrame, file: Path) -> pd.Series | None:
    if "split" not in rows:
        return None
    words = rows["split"].astype("string").str.strip().str.lower().str.removesuffix(".0")
    unknown = sorted(set(words.dropna()) - set(_SPLITS))
    if unknown:
        raise DataError(f"{file}: split holds {unknown[0]!r}; use train, val and test")
    return words.map(_SPLITS)
