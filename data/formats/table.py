"""A table of one's own, CSV or parquet: a column of image paths and columns of labels.

Columns are known by name, in any case: see `_ROLES` and `_GENDERS`. Relative paths start at the
table's folder. Gender in 0/1 means 0 woman, 1 man, unless `LABELS` says otherwise. Every other
column that can be a label is offered as one, and those of them that hold only true/false, 0/1 or
-1/1 are kept as attributes where they are not learned.
"""

import csv
import os
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from data.formats.booleans import booleans
from data.formats.columns import gender_of, has_value, is_of_gender, offer_of
from data.formats.unused import unused
from data.labels import GENDER
from data.listing import Listing, existing, find_images
from data.manifest import PATHS, DataError, Dataset, make_manifest
from data.messages import one_line
from data.offers import NOTHING_ASKED, Choice, Chosen, Offer, choose, gender_attribute, offering
from data.reading import USUAL

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
    "identity": ("identity", "identity_id", "person", "person_id", "subject", "subject_id"),
    "split": ("split", "partition", "subset"),
}
_NO_LABELS = {*_ROLES, *(name for names in _ROLES.values() for name in names)}
_LABEL = "label"
_GENDERS = (_LABEL, "gender", "sex", "male")
"""Names of columns that are gender, the first that is there."""

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


def recognizes(path: Path, _: Choice) -> bool:
    """Whether `path` is a table, or a folder with one.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "faces.csv").touch()
        >>> recognizes(folder, Choice()), recognizes(folder / "faces.csv", Choice())
        (True, True)
    """
    return bool(_tables(path))


def load(path: Path, choice: Choice = NOTHING_ASKED) -> Dataset:
    r"""Read the table; rows without a label or whose image is absent are left out and noted.

    Raises:
        DataError: the table can't be read, has no path column or none of a label (its columns are
            listed), holds values that are no labels, or none of its images is there.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "faces.csv")
        >>> _ = file.write_text("image,sex,hat\n1.jpg,f,1\n2.jpg,m,0")
        >>> file.with_name("1.jpg").touch()
        >>> dataset = load(file)
        >>> dataset.manifest[["label", "hat"]].values.tolist(), dataset.notes
        ([[0, True]], ('1 rows of the table have no image here',))
    """
    file = _only_table(path)
    named = _named(file, _read(file))
    with_path = named.dropna(subset=["path"])
    rows = _with_images(with_path, file)
    offers = _offers(rows, with_path, choice, file)
    chosen = choose(offers, choice, str(file))
    whole = with_path[with_path[chosen.columns].apply(has_value).any(axis=1)]
    missing = (
        (len(named) - len(whole), "{:,} rows of the table have no path or no label"),
        (len(whole.index.difference(rows.index)), "{:,} rows of the table have no image here"),
    )
    notes = [text.format(count) for count, text in missing if count]
    attributes, on_attributes = _attributes(whole, rows, offers, chosen)
    extra = unused(
        file.parent, _listing(path, rows["path"]), rows["path"], "have no row in the table"
    )
    dataset = Dataset(
        f"{file.suffix[1:].upper()} table",
        file.parent,
        _manifest(rows, chosen, attributes, file),
        notes=(*notes, *chosen.notes(blanks=False), *on_attributes, *extra),
    )
    return offering(dataset, rows["path"].tolist(), offers, chosen)


def _only_table(path: Path) -> Path:
    file, *others = _tables(path)
    if others:
        names = ", ".join(table.name for table in (file, *others))
        raise DataError(f"{path}: holds several tables, {names}: name one, DATA={file}")
    return file


def _named(file: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the names of `_ROLES` in place of its own, without columns of lists."""
    texts = table.rename(columns=str).reset_index(drop=True)
    texts = texts[[name for name in texts if _is_plain(texts[name])]]
    roles = {column: role for role, column in _columns(file, texts).items()}
    return texts.rename(columns=roles)


def _is_plain(values: pd.Series) -> bool:
    return all(isinstance(value, Hashable) for value in values.dropna().head(1))


def _with_images(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """The rows whose image is there, with absolute paths."""
    paths = _absolute(table["path"], file.parent)
    present = paths.isin(existing(paths))
    if len(paths) and not present.any():
        raise DataError(f"{file}: none of its {len(paths):,} images is there: {paths.iloc[0]}")
    return table[present].assign(path=paths[present])


def _manifest(
    rows: pd.DataFrame, chosen: Chosen, attributes: pd.DataFrame, file: Path
) -> pd.DataFrame:
    """The manifest of the rows that have a label."""
    kept = rows[chosen.has_any]
    return make_manifest(
        kept["path"].tolist(),
        chosen.codes[chosen.has_any],
        identity=_identity(kept),
        split=_split(kept, file),
        attributes=attributes.loc[kept.index],
    )


def _offers(rows: pd.DataFrame, whole: pd.DataFrame, choice: Choice, file: Path) -> list[Offer]:
    """All columns but those of paths, people and parts, gender among them under its name."""
    columns = [str(name) for name in rows if _key(name) not in _NO_LABELS]
    told = _column_told(columns, choice) if choice.reading.chosen else None
    gender = _column_of_gender(rows, columns, told, choice)
    offers = []
    for name in columns:
        reading = choice.reading if name == told else None
        if name == gender:
            offers.append(gender_of(rows[name], str(file), reading or USUAL, whole[name]))
        elif gender is None or _key(name) not in (GENDER.name, "male"):
            offers.append(offer_of(rows[name], str(file), choice.ages, reading, whole[name]))
    return offers


def _column_told(columns: list[str], choice: Choice) -> str:
    """The column that LABELS is about."""
    by_name = _by_name(columns)
    of_gender = [by_name[name] for name in _GENDERS if name in by_name]
    if choice.names:
        (name,) = choice.names
        if name.casefold() in by_name:
            return by_name[name.casefold()]
        found = of_gender if name.casefold() in _GENDERS else []
    elif choice.reading.is_gender:
        found = of_gender or columns[:1] * (len(columns) == 1)
    else:
        found = [by_name[_LABEL]] if _LABEL in by_name else columns[:1] * (len(columns) == 1)
    if not found:
        raise DataError(
            "LABELS says what words mean, but not of which column: name it, LABEL=<column>; "
            f"the columns: {', '.join(map(str, columns))}"
        )
    return found[0]


def _column_of_gender(
    rows: pd.DataFrame, columns: list[str], told: str | None, choice: Choice
) -> str | None:
    """The column that is gender: what LABELS says, or one of the usual names."""
    if told is not None and choice.reading.is_gender:
        return told
    by_name = _by_name(columns)
    for name in _GENDERS:
        column = by_name.get(name)
        if column is not None and column != told and (name != _LABEL or is_of_gender(rows[column])):
            return column
    return None


def _attributes(
    whole: pd.DataFrame, rows: pd.DataFrame, offers: list[Offer], chosen: Chosen
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The columns that hold only yes or no and are not learned, and what is left out of them."""
    genders = [offer.column for offer in offers if offer.is_gender]
    others = whole.drop(columns=[*_ROLES, *chosen.columns, *genders], errors="ignore")
    columns, on_columns = booleans(others)
    male, on_male = gender_attribute(offers, chosen)
    others = columns.drop(columns=[*male], errors="ignore").reindex(rows.index)
    return others.join(male.set_axis(rows.index)), (*on_columns, *on_male)


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
    by_name = _by_name(table.columns)
    found = {
        role: by_name[name]
        for role, names in _ROLES.items()
        for name in reversed(names)
        if name in by_name
    }
    names = _GENDERS if "path" in found else _ROLES["path"]
    if "path" not in found or len(found) == len(table.columns):
        columns = ", ".join(map(str, table.columns)) or "none"
        role = "label" if "path" in found else "path"
        raise DataError(f"{file}: no {role} column ({', '.join(names)}); its columns: {columns}")
    return found


def _by_name(columns: Iterable[Any]) -> dict[str, str]:
    """Columns by their names in lower case; of equal ones the first."""
    return {_key(column): column for column in reversed([*columns])}


def _key(column: Any) -> str:
    return str(column).strip().casefold()


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
