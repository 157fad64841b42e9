"""A manifest in which every image counts once, and what that left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from data.copies.matching import Copies
from data.labels import GENDER, MISSING, Label, codes_of, is_code_column
from data.manifest import SPLITS, in_words

_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Distinct:
    """A manifest without copies.

    Attributes:
        manifest: The rows that were kept, index 0..n-1.
        near: Pairs of its rows that show one picture and belong in one part, int64 [M, 2].
        notes: Remarks of one line on what was left out and what looks alike.

    Example:
        >>> manifest = pd.DataFrame({"path": ["a.jpg", "smaller.jpg", "b.jpg"]})
        >>> distinct = Distinct(manifest, near=np.array([[0, 1]]), notes=())
        >>> distinct.manifest["path"].to_numpy()[distinct.near].tolist()
        [['a.jpg', 'smaller.jpg']]
    """

    manifest: pd.DataFrame
    near: np.ndarray
    notes: tuple[str, ...]


def without_copies(
    manifest: pd.DataFrame, copies: Copies, labels: Sequence[Label] = (GENDER,)
) -> Distinct:
    """Keep one row of each content, and none where its rows are of different classes of a label.

    Where there are official parts, the row in test is kept before that in val before that in
    train, so that what is measured stays as it was.

    Args:
        manifest: Manifest of N images, with `path`, codes of labels and `split`.
        copies: Copies among their files, in that order.
        labels: Labels of the manifest, `Dataset.labels`, for remarks.

    Returns:
        The manifest without copies.

    Example:
        >>> from data.manifest import make_manifest
        >>> manifest = make_manifest(["a.jpg", "b.jpg", "c.jpg"], pd.Series([0, 0, 1]))
        >>> copies = Copies(content=np.array([5, 5, 6]), near=np.zeros((0, 2), np.int64))
        >>> distinct = without_copies(manifest, copies)
        >>> distinct.manifest["path"].tolist(), distinct.notes
        (['a.jpg', 'c.jpg'], ('left out: 1 copies, byte for byte, of 1 images',))
    """
    content = pd.Series(copies.content, index=manifest.index)
    both = disagreeing(manifest, content)
    rank = manifest["split"].map({part: -rank for rank, part in enumerate(SPLITS)}).fillna(0)
    in_order = content[rank.sort_values(kind="stable").index]
    repeated = in_order.duplicated().reindex(manifest.index)
    kept = ~(both | repeated)
    row_of = pd.Series(np.arange(kept.sum()), index=content[kept])  # by content
    near = row_of.reindex(content.to_numpy()[copies.near].ravel()).to_numpy().reshape(-1, 2)
    near = near[~np.isnan(near).any(axis=1)].astype(np.int64)
    rest = manifest[kept].reset_index(drop=True)
    notes = (
        *_on_copies(manifest, content, repeated & ~both),
        *_on_disagreeing(manifest[both], content, labels),
        *_on_near(rest, near),
    )
    return Distinct(rest, near, notes)


def disagreeing(manifest: pd.DataFrame, content: pd.Series) -> pd.Series:
    """Whether a row's content is there with another class of a label too, bool with the same index.

    Example:
        >>> manifest = pd.DataFrame({"label": [0, 1, 1]})
        >>> disagreeing(manifest, content=pd.Series([5, 5, 6])).tolist()
        [True, True, False]
    """
    differs = pd.Series(False, index=manifest.index)
    for name in filter(is_code_column, map(str, manifest)):
        known = manifest[name].where(manifest[name] != MISSING)
        differs |= known.groupby(content).transform("nunique") > 1
    return differs


def pairs_disagree(manifest: pd.DataFrame, pairs: np.ndarray) -> np.ndarray:
    """Whether pairs of rows, int64 [M, 2], are of different classes of a label, bool [M].

    Example:
        >>> manifest = pd.DataFrame({"label": [0, 1, -1]})
        >>> pairs_disagree(manifest, pairs=np.array([[0, 1], [1, 2]])).tolist()
        [True, False]
    """
    first, second = (codes_of(manifest)[pairs[:, side]] for side in (0, 1))
    return ((first != second) & (first != MISSING) & (second != MISSING)).any(axis=1)


def across_parts(manifest: pd.DataFrame, pairs: np.ndarray) -> int:
    """How many of the pairs of rows, int64 [M, 2], lie in two official parts.

    Example:
        >>> manifest = pd.DataFrame({"split": ["train", "train", "test"]})
        >>> across_parts(manifest, pairs=np.array([[0, 1], [1, 2]]))
        1
    """
    split = manifest["split"].fillna("").to_numpy()
    return int((split[pairs[:, 0]] != split[pairs[:, 1]]).sum())


def _on_copies(manifest: pd.DataFrame, content: pd.Series, left_out: pd.Series) -> Iterator[str]:
    if not left_out.any():
        return
    images = content[left_out].nunique()
    yield f"left out: {int(left_out.sum()):,} copies, byte for byte, of {images:,} images"
    parts = manifest["split"].groupby(content).transform("nunique")
    apart = content[left_out & (parts > 1)].nunique()
    if apart:
        yield f"{apart:,} images had copies in several parts of the given split"


def _on_disagreeing(
    rows: pd.DataFrame, content: pd.Series, labels: Sequence[Label]
) -> Iterator[str]:
    if rows.empty:
        return
    what = "both labels" if tuple(labels) == (GENDER,) else "different labels"
    shown = "; ".join(_first_groups(rows, content, labels))
    yield f"left out: {len(rows):,} rows of images that are there with {what}: {shown}"


def _first_groups(rows: pd.DataFrame, content: pd.Series, labels: Sequence[Label]) -> Iterator[str]:
    """A path of each label, of the first contents."""
    words = in_words(rows, labels)
    one_each = rows.assign(content=content, words=words).drop_duplicates(["content", "words"])
    for _, group in islice(one_each.groupby("content", sort=False), _SHOWN):
        names = zip(group["path"], group["words"], strict=True)
        yield " = ".join(f"{path} ({word})" for path, word in names)


def _on_near(manifest: pd.DataFrame, near: np.ndarray) -> Iterator[str]:
    if not len(near):
        return
    apart = across_parts(manifest, near)
    what = f"{len(np.unique(near)):,} images look like another one, resized or compressed anew"
    yield f"{what}: {_pair(manifest, near[0])}"
    if apart:
        yield (
            f"{apart:,} pairs of them lie in different parts of the given split; "
            "SPLIT=identity makes a new one that keeps them together"
        )
    unlike = near[pairs_disagree(manifest, near)]
    if len(unlike):
        yield f"{len(unlike):,} pairs of them have different labels: {_pair(manifest, unlike[0])}"


def _pair(manifest: pd.DataFrame, rows: np.ndarray) -> str:
    first, second = manifest["path"].iloc[rows]
    return f"such as {first} and {second}"
