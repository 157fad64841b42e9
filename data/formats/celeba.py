"""CelebA (Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015).

It goes round in several shapes, all read here: the original tree (``Anno/``, ``Eval/``,
``Img/``) or everything in one folder; tables as published (``.txt``: a count line, a header
without the image column, columns separated by blanks) or as CSV; images in
``img_align_celeba/`` or once more nested; any image size; tables with rows for absent images;
no identity table (the Kaggle copy) or no partition table.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from data.formats.booleans import booleans
from data.formats.unused import unused
from data.labels import GENDER, MISSING
from data.listing import find_images, holds_images, subfolders
from data.manifest import PATHS, DataError, Dataset, make_manifest
from data.messages import one_line
from data.offers import NOTHING_ASKED, Choice, Offer, choose, offering
from data.reading import NO_OR_YES

WANTED = "CelebA (list_attr_celeba.csv or .txt with img_align_celeba/)"

_IMAGES = "img_align_celeba"
_ATTRIBUTES, _PARTITION, _IDENTITY = "list_attr_celeba", "list_eval_partition", "identity_CelebA"
_GENDER = "Male"
_PARTS = {0: "train", 1: "val", 2: "test"}
Beside = Callable[[Path, pd.Index], list[Offer]]
_IMAGE_NAME = re.compile(r"\.(jpe?g|png)$", re.IGNORECASE)


def recognizes(path: Path) -> bool:
    """Whether the attribute table is at `path`, one level below, or above its image folder.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> recognizes(folder)
        False
        >>> (folder / "list_attr_celeba.csv").touch()
        >>> recognizes(folder)
        True
    """
    return find_root(path) is not None


def find_root(path: Path) -> Path | None:
    """The folder of the tables of a CelebA copy.

    `path` may be that folder, the one above it, the image folder, or the attribute table.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "list_attr_celeba.csv").touch()
        >>> (root / "img_align_celeba").mkdir()
        >>> find_root(root / "img_align_celeba") == root
        True
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


def load(path: Path, choice: Choice = NOTHING_ASKED, beside: Beside | None = None) -> Dataset:
    r"""Read the tables and list the images; rows without image and images without row are left out.

    Args:
        path: One of the places that `find_root` knows.
        choice: What is to be learned; by default `Male`.
        beside: What else is known of the images, given the folder and the names of the images
            without suffix.

    Raises:
        DataError: the images are missing, a table is damaged, or it has no column of a label.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "list_attr_celeba.csv").write_text("image,Male,Hat\n1.jpg,-1,1\n2.jpg,1,-1")
        >>> (root / "img_align_celeba").mkdir()
        >>> (root / "img_align_celeba" / "1.jpg").touch()
        >>> dataset = load(root)
        >>> dataset.manifest[["label", "Hat"]].values.tolist(), dataset.framing
        ([[0, True]], 'face')
        >>> dataset.notes[0]
        '1 rows of the attribute table have no image here'
    """
    root = find_root(path)
    if root is None:
        raise DataError(f"{path}: no {_ATTRIBUTES}.csv or .txt found")
    folder = _image_folder(root)
    listing = find_images(folder)
    files = _by_stem(folder, listing.images)
    table, on_table = _attributes(root)
    rows = table.index.intersection(files.index, sort=False)
    offers = [_offer(table[name], rows) for name in table]
    offers += beside(root, rows) if beside else []
    chosen = choose(offers, choice, str(root))
    attributes, on_attributes = booleans(table.drop(columns=chosen.columns, errors="ignore"))
    kept = rows[chosen.has_any]
    manifest = make_manifest(
        files.loc[kept].tolist(),
        chosen.codes[chosen.has_any],
        identity=_column(root, _IDENTITY, kept),
        split=_column(root, _PARTITION, kept, _PARTS),
        attributes=attributes.loc[kept],
    )
    extra = unused(folder, listing, files.loc[rows], "have no row in the attribute table")
    absent = _absent(root, len(table) - len(rows))
    notes = (*on_table, *absent, *chosen.notes(), *on_attributes, *extra)
    dataset = Dataset("CelebA", root, manifest, notes=notes, framing="face")
    return offering(dataset, files.loc[rows].tolist(), offers, chosen)


def _offer(column: pd.Series, rows: pd.Index) -> Offer:
    """An attribute, -1 for no and 1 for yes; a 0 beside -1 is undefined."""
    is_gender = column.name == _GENDER
    classes = GENDER.classes if is_gender else NO_OR_YES.classes
    values = column.loc[rows].to_numpy()
    has_minus = bool((column == -1).any())
    codes = np.where(values > 0, 1, np.where((values == 0) & has_minus, MISSING, 0))
    undefined = int((codes == MISSING).sum())
    name = str(column.name)
    return Offer(
        name=GENDER.name if is_gender else name,
        classes=classes,
        codes=codes.astype(np.int8),
        also=(name,),
        column=name,
        unread=f"{undefined:,} rows with 0 ({undefined:,}) in column {name!r}: undefined, as it "
        "stands beside -1"
        if undefined
        else "",
        meaning=f"{'-1' if has_minus else '0'} for {classes[0]}, 1 for {classes[1]}",
    )


def _by_stem(folder: Path, images: list[str]) -> pd.Series:
    """Paths of the images that lie directly in the folder, by name without suffix."""
    start = len(f"{folder}/")
    paths = [path for path in images if "/" not in path[start:]]
    stems = pd.Index([_stem(path[start:]) for path in paths], dtype=PATHS)
    files = pd.Series(paths, index=stems, dtype=PATHS)
    return files[~stems.duplicated()]


def _absent(root: Path, rows: int) -> tuple[str, ...]:
    remarks = (
        (rows, f"{rows:,} rows of the attribute table have no image here"),
        (
            not _find_table(root, _IDENTITY),
            f"no {_IDENTITY}.txt: photos of one person can't be recognized, nor wrong labels found",
        ),
    )
    return tuple(text for holds, text in remarks if holds)


def _find_table(root: Path, stem: str) -> Path | None:
    candidates = (
        root / folder / f"{stem}{suffix}"
        for folder in ("", "Anno", "Eval")
        for suffix in (".csv", ".txt")
    )
    return next((path for path in candidates if path.is_file()), None)


def _image_folder(root: Path) -> Path:
    for folder in (root / _IMAGES / _IMAGES, root / _IMAGES, root / "Img" / _IMAGES):
        if folder.is_dir() and holds_images(folder):
            return folder
    raise DataError(f"{root}: no images in {_IMAGES}/; unpack CelebA's aligned images there")


def _attributes(root: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The attribute table as -1, 0 or 1, and remarks on the rows of it that are left out."""
    table_path = _find_table(root, _ATTRIBUTES)
    assert table_path is not None, "find_root saw it"
    whole = _read(table_path)
    if whole.columns.empty:
        raise DataError(f"{table_path}: no column {_GENDER!r}, nor any other attribute")
    repeated = whole.index.duplicated()
    incomplete = ~repeated & whole.isna().any(axis=1).to_numpy()
    remarks = (
        (int(repeated.sum()), "{:,} rows of the attribute table repeat an image's name"),
        (int(incomplete.sum()), "{:,} rows of the attribute table are incomplete"),
    )
    kept = ~(repeated | incomplete)
    try:
        signs = {name: _signs(whole.pop(name)[kept]) for name in map(str, list(whole))}
    except ValueError as error:
        raise DataError(f"{table_path}: attributes must be 1 or -1: {one_line(error)}") from error
    table = pd.DataFrame(signs, whole.index[kept])
    return table, tuple(text.format(count) for count, text in remarks if count)


def _signs(column: pd.Series) -> np.ndarray:
    """-1, 0 or 1 for each number, int8 [N]; a column at a time, since 40 of floats are large."""
    return np.sign(column.to_numpy(np.float32)).astype(np.int8)


def _first_rows(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table.index.duplicated()]


def _column(
    root: Path, stem: str, rows: pd.Index, words: dict[int, str] | None = None
) -> pd.Series | None:
    """The one column of a table for `rows`, NA where it has no row; None if there is no table."""
    table_path = _find_table(root, stem)
    if table_path is None:
        return None
    table = _first_rows(_read(table_path))
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
        raise DataError(f"{path}: not a CelebA table: {one_line(error)}") from error
    table.index = pd.Index([_stem(str(name)) for name in table.pop(table.columns[0])])
    return table


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
