"""CelebA (Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015).

It goes round in several shapes, all read here: the original tree (``Anno/``, ``Eval/``,
``Img/``) or everything in one folder; tables as published (``.txt``: a count line, a header
without the image column, columns separated by blanks) or as CSV; images in
``img_align_celeba/`` or once more nested; any image size; tables with rows for absent images;
no identity table (the Kaggle copy) or no partition table.
"""

import re
from pathlib import Path

import pandas as pd

from data.listing import holds_images, images_in, subfolders
from data.manifest import DataError, Dataset, make_manifest

WANTED = "CelebA (list_attr_celeba.csv or .txt with img_align_celeba/)"

_IMAGES = "img_align_celeba"
_ATTRIBUTES, _PARTITION, _IDENTITY = "list_attr_celeba", "list_eval_partition", "identity_CelebA"
_PARTS = {0: "train", 1: "val", 2: "test"}
_IMAGE_NAME = re.compile(r"\.(jpe?g|png)$", re.IGNORECASE)


def recognises(path: Path) -> bool:
    """Whether the attribute table is at `path`, one level below, or above its image folder."""
    return find_root(path) is not None


def find_root(path: Path) -> Path | None:
    """The folder of the tables of a CelebA copy.

    `path` may be that folder, the one above it, the image folder, or the attribute table.
    """
    if path.is_file() and path.stem == _ATTRIBUTES:
        path = path.parent
    if not path.is_dir():
        return None
    above = [path.parent, path.parent.parent] if path.name == _IMAGES else []
    for folder in (path, *above, *subfolders(path)):
        if _find_table(folder, _ATTRIBUTES):
            return folder
    return None


def load(path: Path) -> Dataset:
    """Read the tables and list the images; rows without image and images without row are left out.

    Raises:
        DataError: the images are missing, a table is damaged, or it has no column `Male`.
    """
    root = find_root(path)
    if root is None:
        raise DataError(f"{path}: no {_ATTRIBUTES}.csv or .txt found")
    folder = _image_folder(root)
    files = pd.Series({_stem(name): f"{folder}/{name}" for name in images_in(folder)}, dtype="str")
    table = _attributes(root)
    rows = table.index.intersection(files.index, sort=False)
    chosen = table.loc[rows]
    manifest = make_manifest(
        files.loc[rows].tolist(),
        chosen["Male"],
        identity=_column(root, _IDENTITY, rows),
        split=_column(root, _PARTITION, rows, _PARTS),
        attributes=chosen.drop(columns="Male"),
    )
    notes = _notes(root, len(table), len(files), len(rows))
    return Dataset("CelebA", root, manifest, notes=notes, framing="face")


def _notes(root: Path, in_table: int, in_folder: int, used: int) -> tuple[str, ...]:
    remarks = (
        (in_table > used, f"{in_table - used:,} rows of the attribute table have no image here"),
        (in_folder > used, f"{in_folder - used:,} images have no row in the attribute table"),
        (
            not _find_table(root, _IDENTITY),
            f"no {_IDENTITY}.txt: photos of one person can't be told, nor wrong labels found",
        ),
    )
    return tuple(text for holds, text in remarks if holds)


def _find_table(root: Path, stem: str) -> Path | None:
    places = (
        root / folder / f"{stem}{suffix}"
        for folder in ("", "Anno", "Eval")
        for suffix in (".csv", ".txt")
    )
    return next((place for place in places if place.is_file()), None)


def _image_folder(root: Path) -> Path:
    for folder in (root / _IMAGES / _IMAGES, root / _IMAGES, root / "Img" / _IMAGES):
        if folder.is_dir() and holds_images(folder):
            return folder
    raise DataError(f"{root}: no images in {_IMAGES}/; unpack CelebA's aligned images there")


def _attributes(root: Path) -> pd.DataFrame:
    table_path = _find_table(root, _ATTRIBUTES)
    assert table_path is not None, "find_root saw it"
    table = _read(table_path)
    if "Male" not in table:
        columns = ", ".join(map(str, table.columns)) or "none"
        raise DataError(f"{table_path}: no column 'Male'; its columns: {columns}")
    try:
        return table.dropna().astype("float32") > 0
    except ValueError as error:
        raise DataError(f"{table_path}: attributes must be 1 or -1: {error}") from error


def _column(
    root: Path, stem: str, rows: pd.Index, words: dict[int, str] | None = None
) -> pd.Series | None:
    """The one column of a table for `rows`, NA where it has no row; None if there is no table."""
    table_path = _find_table(root, stem)
    if table_path is None:
        return None
    table = _read(table_path)
    if table.shape[1] != 1:
        raise DataError(f"{table_path}: expected an image and one value a line")
    values = table.iloc[:, 0].reindex(rows)
    if words:
        return pd.to_numeric(values, errors="coerce").map(words)
    return values.astype("Int64" if pd.api.types.is_numeric_dtype(values) else "string")


def _read(path: Path) -> pd.DataFrame:
    """A CelebA table, published or CSV, indexed by the image's name without suffix."""
    separator, header, names = _layout(path)
    try:
        table = pd.read_csv(
            path, sep=separator, header=None, names=names, skiprows=header, encoding="utf-8-sig"
        )
    except (ValueError, OSError) as error:  # ValueError takes in pandas' parser errors.
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a CelebA table: {reason}") from error
    table.index = pd.Index([_stem(str(name)) for name in table.pop(table.columns[0])])
    return table[~table.index.duplicated()]


def _layout(path: Path) -> tuple[str, int, list[str]]:
    """Separator, number of lines above the first row, and names of the columns."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first, second = file.readline().strip(), file.readline().strip()
    if first.isdigit():  # As published: a count, then the names of the columns but the first.
        return r"\s+", 2, ["image_id", *second.split()]
    separator = "," if "," in first else r"\s+"
    cells = [cell.strip().strip('"') for cell in re.split(separator, first)]
    if _IMAGE_NAME.search(cells[0]):
        return separator, 0, ["image_id", *map(str, range(1, len(cells)))]
    return separator, 1, cells


def _stem(name: str) -> str:
    return name.strip().rpartition(".")[0] or name
