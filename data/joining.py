"""Several data sets as one: labels matched by name, each drawn in equal shares and split by itself.

`join` makes one of them, and `parts_of` gives them back: drawing and splitting go by the parts, so
that each has its own people, its own strata and all classes in train, val and test.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from data.copies.distinct import Distinct
from data.groups import joined, with_first
from data.labels import MISSING, Label, code_columns
from data.manifest import DATASET, DataError, Dataset, attributes, has_official_split
from data.messages import printable
from data.sampling import MOST_TESTED, VALIDATION_SHARE, Balance, available, sample
from data.splits import split

_YES_OR_NO = {"no", "yes"}
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class JoinedDataset(Dataset):
    """Several data sets under the same labels; made by `join`.

    Attributes:
        parts: The data sets, with distinct names and the columns of the whole manifest.
    """

    parts: tuple[Dataset, ...] = ()


def paths_in(text: str) -> list[str]:
    """Take apart the paths of several data sets, as `DATA` has them.

    Args:
        text: Paths with commas between them. A path with a comma in it is seen by what exists.

    Returns:
        The paths in order, without blanks around them; what is not there is one as well.

    Example:
        >>> paths_in("celeba, utkface")
        ['celeba', 'utkface']
    """
    pieces = text.split(",")
    found, start = [], 0
    while start < len(pieces):
        ends = range(len(pieces), start, -1)
        tries = {end: ",".join(pieces[start:end]).strip() for end in ends}
        end = next((end for end, path in tries.items() if _exists(path)), start + 1)
        found.append(tries[end])
        start = end
    return found


def _exists(path: str) -> bool:
    try:
        return bool(path) and Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, a home that is not there
        return False


def join(datasets: Sequence[Dataset]) -> Dataset:
    """Put data sets together under the labels of the first.

    Labels are matched in their order, classes by name, whatever their case. People of two data sets
    are different ones. Only attributes that all have are kept: an image of a data set in which
    nobody looked for hats must not count as one without a hat.

    Args:
        datasets: The data sets, one at least; one alone is returned as it is.

    Returns:
        The whole, a `JoinedDataset`: its manifest has the column `dataset`.

    Raises:
        DataError: Their labels do not have the same classes.

    Example:
        >>> from data.manifest import make_manifest
        >>> first = Dataset("CelebA", Path("/a"), make_manifest(["/a/1.jpg"], pd.Series([1])))
        >>> second = Dataset("UTKFace", Path("/b"), make_manifest(["/b/1.jpg"], pd.Series([0])))
        >>> join([first, second]).manifest[["label", "dataset"]].values.tolist()
        [[1, 'CelebA'], [0, 'UTKFace']]
    """
    if len(datasets) == 1:
        return datasets[0]
    _require_same_classes(datasets)
    shared = [
        name
        for name in attributes(datasets[0].manifest)
        if all(name in attributes(other.manifest) for other in datasets)
    ]
    labels, names = datasets[0].labels, _distinct_names(datasets)
    parts = tuple(
        _as_part(dataset, name, labels, shared)
        for dataset, name in zip(datasets, names, strict=True)
    )
    notes = [f"{part.name}: {note}" for part in parts for note in part.notes]
    return JoinedDataset(
        name=" + ".join(names),
        root=parts[0].root,
        manifest=pd.concat([part.manifest for part in parts], ignore_index=True),
        synthetic=any(part.synthetic for part in parts),
        notes=(*notes, *_on_attributes(datasets, names, shared)),
        framing="face",
        labels=labels,
        parts=parts,
    )


def parts_of(dataset: Dataset) -> tuple[Dataset, ...]:
    """Return the data sets that were joined, or the one that is alone.

    Example:
        >>> alone = Dataset("CelebA", Path("/a"), pd.DataFrame())
        >>> parts_of(alone) == (alone,)
        True
    """
    return dataset.parts if isinstance(dataset, JoinedDataset) else (dataset,)


def sample_each(
    parts: Sequence[Dataset],
    samples: int | None,
    balance: Balance,
    seed: int,
    tested: int | None = MOST_TESTED,
) -> pd.DataFrame:
    """Draw as many images of each data set, as far as it has them; see `data.sample`.

    Where a data set has parts of its own, train and val keep their shares.

    Args:
        parts: The data sets, split, see `split_each`.
        samples: Number of images to learn from of all together; None for all images.
        balance: How many images of each class are drawn.
        seed: Seed of the draw.
        tested: Largest number of test images of all together; None for all.

    Returns:
        The drawn rows, data set after data set, index 0..n-1.

    Raises:
        DataError: As of `data.sample`.

    Example:
        >>> from data.manifest import make_manifest
        >>> paths = [f"{number}.jpg" for number in range(40)]
        >>> alone = Dataset("CelebA", Path("/a"), make_manifest(paths, pd.Series([0, 1] * 20)))
        >>> sample_each(split_each([alone], 0), 10, "natural", 0)["split"].value_counts().to_dict()
        {'train': 8, 'test': 6, 'val': 2}
    """
    learned, tests = _shares(parts, samples, balance, tested)
    return _stacked(
        [
            sample(
                part.manifest,
                count,
                balance,
                seed,
                part.strata,
                validation=VALIDATION_SHARE if part.dealt else None,
                tested=most,
            )
            for part, count, most in zip(parts, learned, tests, strict=True)
        ]
    )


def _shares(
    parts: Sequence[Dataset], samples: int | None, balance: Balance, tested: int | None
) -> tuple[Sequence[int | None], Sequence[int | None]]:
    """How many images each data set is learned from and tested on."""
    alone = len(parts) == 1
    if alone or samples is None:
        return [samples] * len(parts), [tested] * len(parts)
    counts = [available(part.manifest, balance, part.strata) for part in parts]
    learned, tests = zip(*counts, strict=True)
    shares = equal_shares(learned, samples)
    if tested is None:
        return shares, [None] * len(parts)
    return shares, equal_shares(tests, min(tested, samples))


def equal_shares(available: Sequence[int], total: int) -> list[int]:
    """Share out a number equally, what one has too few for going to the others.

    Args:
        available: Most that each can take.
        total: Number to share out.

    Returns:
        The share of each.

    Example:
        >>> equal_shares([10_000, 1_000, 6_000], 5_000), equal_shares([3, 3], 10)
        ([2000, 1000, 2000], [3, 3])
    """
    shares = [0] * len(available)
    smallest_first = sorted(range(len(available)), key=available.__getitem__)
    for done, index in enumerate(smallest_first):
        shares[index] = min(available[index], total // (len(available) - done))
        total -= shares[index]
    return shares


def split_each(parts: Sequence[Dataset], seed: int) -> tuple[Dataset, ...]:
    """Split each data set by its own people; see `data.split`.

    Args:
        parts: The data sets, see `parts_of`.
        seed: Seed of the split.

    Returns:
        The data sets with `split` filled in their manifests.

    Raises:
        DataError: One has too few people for all its classes to be in every part.

    Example:
        >>> from data.manifest import make_manifest
        >>> paths = [f"{number}.jpg" for number in range(40)]
        >>> alone = Dataset("CelebA", Path("/a"), make_manifest(paths, pd.Series([0, 1] * 20)))
        >>> [whole] = split_each([alone], seed=0)
        >>> whole.manifest["split"].value_counts().to_dict(), whole.dealt
        ({'train': 28, 'val': 6, 'test': 6}, True)
    """
    return tuple(_split(part, seed, "" if len(parts) == 1 else f"{part.name}: ") for part in parts)


def _split(part: Dataset, seed: int, name: str) -> Dataset:
    try:
        manifest = split(part.manifest, seed=seed, strata=part.strata, labels=part.labels)
    except DataError as error:
        raise DataError(f"{name}{error}") from error
    return replace(part, manifest=manifest, dealt=not has_official_split(part.manifest))


def rows_of_each(manifest: pd.DataFrame, parts: Sequence[Dataset]) -> list[slice]:
    """Say where the rows of each data set lie in a manifest, data set after data set.

    Example:
        >>> manifest = pd.DataFrame({"dataset": ["A", "A", "B"]})
        >>> parts = [Dataset(name, Path("/"), manifest) for name in ("A", "B")]
        >>> rows_of_each(manifest, parts)
        [slice(0, 2, None), slice(2, 3, None)]
    """
    if len(parts) == 1:
        return [slice(0, len(manifest))]
    ends = np.cumsum([0, *((manifest[DATASET] == part.name).sum() for part in parts)]).tolist()
    return [slice(start, end) for start, end in pairwise(ends)]


def without_shared_pictures(distinct: Distinct) -> Distinct:
    """Keep a picture that two data sets have, in other bytes, in the smaller of them alone.

    Each is split by itself, so that else it could be learned in one and tested in the other.

    Args:
        distinct: Images of all data sets, with the column `dataset`.

    Returns:
        The rest, whose near pairs lie within a data set each.

    Example:
        >>> rows = pd.DataFrame({"path": ["a", "b", "c"], "dataset": ["one", "one", "two"]})
        >>> rest = without_shared_pictures(Distinct(rows, np.array([[0, 2]]), notes=()))
        >>> rest.manifest["path"].tolist(), rest.notes
        (['b', 'c'], ('left out: 1 images of one, which another data set has as well',))
    """
    names = distinct.manifest[DATASET]
    picture = pd.Series(joined(np.arange(len(names)), distinct.near), names.index)
    smallest_first = {name: rank for rank, name in enumerate(names.value_counts().index[::-1])}
    rank = names.map(smallest_first)
    kept = rank == rank.groupby(picture).transform("min")
    left_out = names[~kept].value_counts(sort=False)
    notes = (
        f"left out: {count:,} images of {name}, which another data set has as well"
        for name, count in left_out.items()
    )
    rest = distinct.manifest[kept].reset_index(drop=True)
    return Distinct(rest, with_first(picture[kept].to_numpy()), (*distinct.notes, *notes))


def _require_same_classes(datasets: Sequence[Dataset]) -> None:
    first, *others = datasets
    if all(_are_alike(first.labels, other.labels) for other in others):
        return
    names = _distinct_names(datasets)
    each = (
        f"{name} has {'; '.join(map(_in_words, dataset.labels))}"
        for name, dataset in zip(names, datasets, strict=True)
    )
    raise DataError(
        f"the data sets can't be joined, since their classes differ: {', '.join(each)}; give a "
        "LABEL that all of them have, with classes of the same names"
    )


def _are_alike(labels: Sequence[Label], others: Sequence[Label]) -> bool:
    return len(labels) == len(others) and all(map(_is_alike, labels, others))


def _is_alike(label: Label, other: Label) -> bool:
    """Whether the classes can be matched; "yes" means nothing without the name of the label."""
    words = set(_folded(label))
    if words != set(_folded(other)) or len(words) < max(len(label.classes), len(other.classes)):
        return False
    return words != _YES_OR_NO or label.name.casefold() == other.name.casefold()


def _folded(label: Label) -> list[str]:
    return [name.casefold() for name in label.classes]


def _in_words(label: Label) -> str:
    return (
        f"{label.name} ({', '.join(label.classes[:_SHOWN])}{', …' * (len(label.classes) > _SHOWN)})"
    )


def _distinct_names(datasets: Sequence[Dataset]) -> list[str]:
    """Names of the formats, with the folder's and at last a number where several are alike."""
    names = [dataset.name for dataset in datasets]
    counts = Counter(names)
    names = [
        f"{name} {printable(dataset.root.name)}" if counts[name] > 1 else name
        for name, dataset in zip(names, datasets, strict=True)
    ]
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[index] = f"{name} ({seen[name]})"
    return names


def _as_part(dataset: Dataset, name: str, labels: Sequence[Label], shared: list[str]) -> Dataset:
    manifest = dataset.manifest
    own = code_columns(dataset.labels)
    codes = {
        column: _recoded(manifest[before], label, common)
        for column, before, label, common in zip(
            code_columns(labels), own, dataset.labels, labels, strict=True
        )
    }
    columns = {
        "path": manifest["path"],
        **codes,
        "identity": f"{name}: " + manifest["identity"],
        "split": manifest["split"],
        DATASET: pd.Series(name, index=manifest.index, dtype="string"),
        **{attribute: manifest[attribute] for attribute in shared},
    }
    return replace(dataset, name=name, manifest=pd.DataFrame(columns), labels=tuple(labels))


def _recoded(codes: pd.Series, label: Label, common: Label) -> pd.Series:
    """Codes of a label as those of another one with the same classes in another order."""
    places = _folded(common)
    new = np.array([*(places.index(name) for name in _folded(label)), MISSING], np.int8)
    return pd.Series(new[codes.to_numpy()], index=codes.index)  # MISSING is the last one's index


def _on_attributes(
    datasets: Sequence[Dataset], names: Sequence[str], shared: list[str]
) -> Iterator[str]:
    """A note on the attributes that not every data set has."""
    lost = [
        (name, len(own) - len(shared), [column for column in own if column not in shared])
        for name, dataset in zip(names, datasets, strict=True)
        if len(own := attributes(dataset.manifest)) > len(shared)
    ]
    if lost:
        each = (
            f"{count} of {name} ({', '.join(some[:_SHOWN])}{', …' * (count > _SHOWN)})"
            for name, count, some in lost
        )
        yield f"attributes that not every data set has are not audited: {', '.join(each)}"


def _stacked(tables: list[pd.DataFrame]) -> pd.DataFrame:
    return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
