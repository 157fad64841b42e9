"""A manifest in which every image counts once, and what that left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd

from data.copies.matching import Copies
from data.groups import with_first
from data.labels import GENDER, MISSING, Label, is_code_column
from data.manifest import SPLITS, in_words

_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Distinct:
    """A manifest without copies.

    Attributes:
        manifest: The rows that were kept, index 0..n-1.
        near: Pairs of its rows that show one picture, int64 [M, 2]: the first row of the picture
            with each other one.
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
    manifest: pd.DataFrame,
    copies: Copies,
    labels: Sequence[Label] = (GENDER,),
    dealt: np.ndarray | None = None,
) -> Distinct:
    """Keep one row of each content, and none where its rows are of different classes of a label.

    Of rows in given parts that in test is kept before that in val before that in train, so that
    what is measured stays as it was; of others the first.

    Args:
        manifest: Manifest of N images, with `path`, codes of labels and `split`.
        copies: Copies among their files, in that order.
        labels: Labels of the manifest, `Dataset.labels`, for remarks.
        dealt: Whether the part of each row was made by `data.split`, bool [N]; None for given
            parts alone. Rows of `split` NA count as such.

    Returns:
        The manifest without copies.

    Example:
        >>> from data.manifest import make_manifest
        >>> manifest = make_manifest(["a.jpg", "b.jpg", "c.jpg"], pd.Series([0, 0, 1]))
        >>> copies = Copies(content=np.array([5, 5, 6]), picture=np.array([5, 5, 6]))
        >>> distinct = without_copies(manifest, copies)
        >>> distinct.manifest["path"].tolist(), distinct.notes
        (['a.jpg', 'c.jpg'], ('left out: 1 copies, byte for byte, of 1 images',))
    """
    content = pd.Series(copies.content, index=manifest.index)
    both = disagreeing(manifest, content)
    parts = manifest["split"]
    given = manifest if dealt is None else manifest.assign(split=parts.mask(dealt))
    rank = given["split"].map({part: -rank for rank, part in enumerate(SPLITS)}).fillna(0)
    in_order = content[rank.sort_values(kind="stable").index]
    repeated = in_order.duplicated().reindex(manifest.index)
    kept = ~(both | repeated)
    rest = manifest[kept].reset_index(drop=True)
    picture = pd.Series(copies.picture[kept.to_numpy()])
    near = with_first(picture.to_numpy())
    notes = (
        *_on_copies(given, content, repeated & ~both),
        *_on_disagreeing(manifest[both], content, labels),
        *_on_near(given[kept].reset_index(drop=True), near, picture, labels),
    )
    return Distinct(rest, near, notes)


def in_one_part(distinct: Distinct, dealt: np.ndarray) -> Distinct:
    """Keep a picture that lies in several parts in that of its first row alone.

    Parts are dealt before anyone has looked at the images, of which most may never be needed.

    Args:
        distinct: Images without copies, in their parts.
        dealt: Whether the part of each row was made by `data.split`, bool [n]; rows of given parts
            stay.

    Returns:
        The rest, with a remark on what was left out.

    Example:
        >>> rows = pd.DataFrame({"path": ["a", "b", "c"], "split": ["train", "test", "train"]})
        >>> rest = in_one_part(Distinct(rows, np.array([[0, 1], [0, 2]]), ()), np.ones(3, bool))
        >>> rest.manifest["path"].tolist(), rest.near.tolist(), rest.notes
        (['a', 'c'], [[0, 1]], ('left out: 1 images that look like one in another part',))
    """
    first, other = distinct.near.T
    parts = distinct.manifest["split"].to_numpy()
    apart = (parts[first] != parts[other]) & dealt[other]
    if not apart.any():
        return distinct
    kept = np.ones(len(parts), bool)
    kept[other[apart]] = False
    row = np.cumsum(kept) - 1
    note = f"left out: {apart.sum():,} images that look like one in another part"
    rest = distinct.manifest[kept].reset_index(drop=True)
    return Distinct(rest, row[distinct.near[~apart]], (*distinct.notes, note))


def with_copies(
    manifest: pd.DataFrame, copies: Copies, labels: Sequence[Label] = (GENDER,)
) -> Distinct:
    """Keep every row, as papers do with published parts, and say what is there more than once.

    Args:
        manifest: Manifest of N images in their official parts.
        copies: Copies among their files, in that order.
        labels: Labels of the manifest, `Dataset.labels`, for remarks.

    Returns:
        The whole manifest, and no pairs that would belong in one part.

    Example:
        >>> from data.manifest import make_manifest
        >>> parts = pd.Series(["train", "test", "test"])
        >>> manifest = make_manifest(["a.jpg", "b.jpg", "c.jpg"], pd.Series([0, 0, 1]), split=parts)
        >>> numbers = np.array([5, 5, 6])
        >>> for note in with_copies(manifest, Copies(content=numbers, picture=numbers)).notes:
        ...     print(note)
        kept in their official parts: 2 copies, byte for byte, of 1 images; 1 of them in ...
    """
    content = pd.Series(copies.content, index=manifest.index)
    repeated = manifest[content.duplicated(keep=False)]
    first = ~content.duplicated().to_numpy()
    picture = pd.Series(copies.picture[first])
    distinct = manifest[first].reset_index(drop=True)
    notes = (
        *_on_kept(repeated, content, labels),
        *_on_near(distinct, with_first(picture.to_numpy()), picture, labels),
    )
    return Distinct(manifest.reset_index(drop=True), np.zeros((0, 2), np.int64), notes)


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


def in_several_parts(manifest: pd.DataFrame, numbers: pd.Series) -> int:
    """Count the contents or pictures that have rows in more than one official part.

    Example:
        >>> manifest = pd.DataFrame({"split": ["train", "train", "test"]})
        >>> in_several_parts(manifest, numbers=pd.Series([5, 6, 6]))
        1
    """
    return int((manifest["split"].groupby(numbers).nunique() > 1).sum())


def _on_copies(manifest: pd.DataFrame, content: pd.Series, left_out: pd.Series) -> Iterator[str]:
    if not left_out.any():
        return
    images = content[left_out].nunique()
    yield f"left out: {int(left_out.sum()):,} copies, byte for byte, of {images:,} images"
    apart = in_several_parts(manifest[content.isin(content[left_out])], content)
    if apart:
        yield f"{apart:,} images had copies in several parts of the given split"


def _on_kept(repeated: pd.DataFrame, content: pd.Series, labels: Sequence[Label]) -> Iterator[str]:
    if repeated.empty:
        return
    count, apart = content[repeated.index].nunique(), in_several_parts(repeated, content)
    what = f"{len(repeated):,} copies, byte for byte, of {count:,} images"
    but = f"{apart:,} of them in several parts, so that test figures come out too good"
    yield f"kept in their official parts: {what}{f'; {but}' if apart else ''}"
    unlike = repeated[disagreeing(repeated, content)]
    if len(unlike):
        count, shown = content[unlike.index].nunique(), _first_groups(unlike, content, labels)
        yield f"{count:,} of these images have different labels: {'; '.join(shown)}"


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
    labeled = rows.assign(content=content, words=words)[words != ""]
    one_each = labeled.drop_duplicates(["content", "words"])
    for _, group in islice(one_each.groupby("content", sort=False), _SHOWN):
        names = zip(group["path"], group["words"], strict=True)
        yield " = ".join(f"{path} ({word})" for path, word in names)


def _on_near(
    manifest: pd.DataFrame, near: np.ndarray, picture: pd.Series, labels: Sequence[Label]
) -> Iterator[str]:
    if not len(near):
        return
    alike = manifest.iloc[np.unique(near)]
    first, second = manifest["path"].iloc[near[0]]
    what = f"{len(alike):,} images look like another one, resized or compressed anew"
    yield f"{what}: such as {first} and {second}"
    apart = in_several_parts(alike, picture)
    if apart:
        yield (
            f"{apart:,} of these pictures lie in different parts of the given split; "
            "SPLIT=identity makes a new one that keeps them together"
        )
    unlike = alike[disagreeing(alike, picture[alike.index])]
    if len(unlike):
        count = picture[unlike.index].nunique()
        shown = "; ".join(_first_groups(unlike, picture, labels))
        yield f"{count:,} of these pictures have different labels: {shown}"
