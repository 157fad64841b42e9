"""FairFace (Kärkkäinen and Joo, WACV 2021): two tables, ``file,age,gender,race,service_test``.

Train and val are published, no test: so a new split is made of both together, unless the official
one is asked for.
"""

from pathlib import Path

import pandas as pd

from data.formats import demographics
from data.formats.unused import unused
from data.listing import existing, find_images, subfolders
from data.manifest import DataError, Dataset, make_manifest
from data.messages import one_line
from data.offers import NOTHING_ASKED, Choice, choose, offering
from data.reading import read_labels

WANTED = "FairFace (fairface_label_train.csv, fairface_label_val.csv)"

_TABLES = {"train": "fairface_label_train.csv", "val": "fairface_label_val.csv"}
_COLUMNS = ("file", "age", "gender", "race")
_MOST = "more than 70"


def recognizes(path: Path) -> bool:
    """Whether at least one of the two tables is there.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "fairface_label_val.csv").touch()
        >>> recognizes(folder)
        True
    """
    return any((path / name).is_file() for name in _TABLES.values())


def load(path: Path, choice: Choice = NOTHING_ASKED) -> Dataset:
    r"""Both tables together; the images are beside them or one folder below.

    Raises:
        DataError: a table is damaged, or what is to be learned is not gender, age or race, or
            cannot be.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> row = "1.jpg,20-29,Female,East Asian,False"
        >>> table = folder / "fairface_label_val.csv"
        >>> _ = table.write_text(f"file,age,gender,race,service_test\n{row}")
        >>> (folder / "1.jpg").touch()
        >>> load(folder).manifest.drop(columns=["path", "identity"]).iloc[0].to_dict()
        {'label': 0, 'split': 'val', 'Age_20-29': True, 'Race_East_Asian': True}
    """
    parts = {part: path / name for part, name in _TABLES.items() if (path / name).is_file()}
    table = pd.concat([_read(file).assign(split=part) for part, file in parts.items()])
    whole = table.dropna(subset=list(_COLUMNS))
    paths, present = _locate(path, whole["file"])
    rows = whole[present]
    bands = rows["age"].replace({_MOST: demographics.AGE_BANDS[-1]})
    offers = [
        demographics.gender_of(read_labels(rows["gender"], str(path)).labels),
        demographics.age_in_bands(bands, choice.ages),
        demographics.origin_of(rows["race"]),
    ]
    chosen = choose(offers, choice, str(path))
    attributes, on_attributes = demographics.attributes(bands, rows["race"], offers, chosen)
    kept = chosen.has_any
    manifest = make_manifest(
        paths[present][kept].tolist(),
        chosen.codes[kept],
        split=rows["split"][kept],
        attributes=attributes[kept],
    )
    remarks = (
        (len(table) - len(whole), "{:,} rows of the tables are incomplete"),
        (len(whole) - len(rows), "{:,} rows of the tables have no image here"),
    )
    notes = tuple(text.format(count) for count, text in remarks if count)
    extra = unused(path, find_images(path), paths[present], "have no row in the tables")
    notes = (*notes, *chosen.notes(), *on_attributes, *extra)
    dataset = Dataset("FairFace", path, manifest, notes=notes)
    return offering(dataset, paths[present].tolist(), offers, chosen)


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype="str", encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: not a CSV: {one_line(error)}") from error
    missing = [column for column in _COLUMNS if column not in table]
    if missing:
        columns = ", ".join(table.columns)
        raise DataError(f"{path}: no column {', '.join(missing)}; its columns: {columns}")
    return table


def _locate(path: Path, files: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Paths, and which exist, under that folder where most of the files are."""
    candidates = [f"{folder}/" + files for folder in (path, *subfolders(path))]
    found = [paths.isin(existing(paths)) for paths in candidates]
    best = max(range(len(found)), key=lambda i: found[i].sum())
    return candidates[best], found[best]
