"""Synthetic portraits that were written to disk: CelebA's layout and a marker file."""

from dataclasses import replace
from pathlib import Path

from data.formats import celeba
from data.manifest import Dataset

MARKER = "synthetic.json"
NOTICE = "synthetic faces, drawn by a program: they only show that the pipeline works"
WANTED = f"synthetic portraits ({MARKER})"


def recognizes(path: Path) -> bool:
    """Whether CelebA's layout is there with the marker beside the tables."""
    root = celeba.find_root(path)
    return root is not None and (root / MARKER).is_file()


def load(path: Path) -> Dataset:
    """Read as CelebA, marked synthetic."""
    dataset = celeba.load(path)
    notes = (NOTICE, *dataset.notes)
    return replace(dataset, name="synthetic portraits", synthetic=True, notes=notes)
