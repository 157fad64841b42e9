"""Synthetic portraits that were written to disk: CelebA's layout and a marker file."""

from dataclasses import replace
from pathlib import Path

from data.formats import celeba
from data.manifest import Dataset
from data.offers import NOTHING_ASKED, Choice

MARKER = "synthetic.json"
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
    r"""Read as CelebA, marked synthetic.

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
    dataset = celeba.load(path, choice)
    notes = (NOTICE, *dataset.notes)
    return replace(dataset, name="synthetic portraits", synthetic=True, notes=notes)
