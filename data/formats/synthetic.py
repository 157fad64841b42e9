"""Synthetic portraits that were written to disk: CelebA's layout, a table and a marker file."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from data.formats import celeba
from data.formats.columns import offer_of
from data.manifest import DataError, Dataset
from data.messages import one_line
from data.offers import NOTHING_ASKED, Choice, Offer

MARKER = "synthetic.json"
LABELS = "labels.csv"
"""Labels that are no attributes of CelebA's; sets drawn by an earlier version lack it."""

NOTICE = "synthetic faces, drawn by a program: they only show that the pipeline works"
WANTED = f"synthetic portraits ({MARKER})"


def recognizes(path: Path) -> bool:
    """Whether CelebA's layout is there with the marker beside the tables.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "list_attr_celeba.csv").touch()
        >>> recognizes(folder)
        False
        >>> (folder / MARKER).touch()
        >>> recognizes(folder)
        True
    """
    root = celeba.find_root(path)
    return root is not None and (root / MARKER).is_file()


def load(path: Path, choice: Choice = NOTHING_ASKED) -> Dataset:
    r"""Read as CelebA with further labels, marked synthetic.

    Raises:
        DataError: A table is damaged, or what is to be learned is not offered.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> _ = (root / "list_attr_celeba.csv").write_text("image_id,Male\n1.jpg,-1\n")
        >>> (root / "img_align_celeba").mkdir()
        >>> (root / "img_align_celeba" / "1.jpg").touch()
        >>> dataset = load(root)
        >>> dataset.synthetic, dataset.notes[0] == NOTICE
        (True, True)
    """

    def beside(root: Path, images: pd.Index) -> list[Offer]:
        return _offers(root / LABELS, images, choice)

    dataset = celeba.load(path, choice, beside)
    notes = (NOTICE, *dataset.notes)
    return replace(dataset, name="synthetic portraits", synthetic=True, notes=notes)


def _offers(file: Path, images: pd.Index, choice: Choice) -> list[Offer]:
    """The columns of the table as labels of images, which are named without suffix."""
    if not file.is_file():
        return []
    try:
        table = pd.read_csv(file, index_col=0)
    except (ValueError, OSError) as error:
        raise DataError(f"{file}: not a table: {one_line(error)}") from error
    table.index = pd.Index([str(name).rpartition(".")[0] for name in table.index])
    once = table[~table.index.duplicated()].reindex(images)
    return [offer_of(once[name], str(file), choice.ages) for name in once]
