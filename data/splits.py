"""Train, val and test without a person in two of them; weights for unequal classes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from data.labels import Label, class_counts, codes_of, is_code_column
from data.manifest import SPLITS, DataError, Dataset, has_official_split, split_fault
from data.sampling import MOST_TESTED, VALIDATION_SHARE

_SHOWN = 5
_SMALL = 5000  # images: of fewer each is needed to learn from
_SMALL_SHARE = 0.15
_MOST_VALIDATED = 5000  # images: to choose by more tells little more, and takes time
_FEW = 20  # people: of more, chance leaves no part without one

SplitBy = Literal["given", "identity", "official"]
"""Whether a data set's own parts are kept where they are whole, new ones made without a person in
two of them, or those that were published kept as they are, see `official`."""


def held_out_shares(images: int) -> tuple[float, float]:
    """Return the shares of a data set that are held out for validation and for the test.

    Of few images it is 15 % each. Of 5,000 and more a fifth is for the test, at most
    `MOST_TESTED`, and of the rest `VALIDATION_SHARE`, at most 5,000.

    Args:
        images: Number of images, at least 0.

    Example:
        >>> held_out_shares(1000), held_out_shares(10_000), held_out_shares(200_000)
        ((0.15, 0.15), (0.16, 0.2), (0.025, 0.01))
    """
    if images < _SMALL:
        return _SMALL_SHARE, _SMALL_SHARE
    test = min(0.2, MOST_TESTED / images)
    return min(round(VALIDATION_SHARE * (1 - test), 12), _MOST_VALIDATED / images), test


def split(
    manifest: pd.DataFrame,
    val: float | None = None,
    test: float | None = None,
    seed: int = 0,
    strata: pd.DataFrame | None = None,
    labels: Sequence[Label] | None = None,
) -> pd.DataFrame:
    """Put every row of a manifest in train, val or test, no person in two of them.

    Official parts are kept if every row has one and all three occur. Otherwise people are dealt
    out, largest groups of photos first, each to the part that is furthest from its share of each
    class; a row without identity is a person of its own.

    Args:
        manifest: Manifest of N images, with codes of labels, `identity` and `split`.
        val: Share of the images for validation, above 0; None for `held_out_shares`.
        test: Share of the images for the test, above 0; below 1 together with `val`; None as above.
        seed: Seed by which people with equally many images are shuffled.
        strata: Classes by which people are dealt, `Dataset.strata`, so that the split is the same
            whichever label is learned; None to deal by the codes in the manifest.
        labels: Labels of the manifest, by whose names classes are called in errors.

    Returns:
        The manifest with `split` filled.

    Raises:
        DataError: The shares leave nothing for training, or a class of a label is not in every
            part, for too few people have it.

    Example:
        >>> from data.manifest import make_manifest
        >>> people = pd.Series([row // 2 for row in range(60)])
        >>> labels = pd.Series([row // 2 % 2 for row in range(60)])
        >>> manifest = make_manifest([f"{row}.jpg" for row in range(60)], labels, identity=people)
        >>> parts = split(manifest)
        >>> parts["split"].value_counts().to_dict()
        {'train': 44, 'val': 8, 'test': 8}
        >>> int((parts.groupby("identity")["split"].nunique() > 1).sum())
        0
    """
    usual = held_out_shares(len(manifest))
    val, test = usual[0] if val is None else val, usual[1] if test is None else test
    if val <= 0 or test <= 0 or val + test >= 1:
        raise DataError(f"val={val:g}, test={test:g}: shares must be above 0 and below 1 together")
    if has_official_split(manifest):
        require_all_classes(manifest, labels)
        return manifest
    people = number_people(manifest["identity"])
    shares = np.array([1 - val - test, val, test])
    # By codes alone people are dealt as they were before there were strata: runs of then go on.
    few = 0 if strata is None else _FEW
    parts = _deal(_counts(people, manifest, strata), shares, seed, few)[people]
    result = manifest.assign(split=pd.Series(np.array(SPLITS)[parts], manifest.index, "string"))
    require_all_classes(result, labels)
    return result


def official(dataset: Dataset) -> Dataset:
    """Keep a data set's parts as they were published, so that figures can be set beside papers.

    Where no test part was published, as of FairFace, the validation part is tested on, as papers
    do. Where then none is left for validation, a share of train is taken for it: by identity,
    stratified, and always the same images.

    Args:
        dataset: The data set, with its own parts.

    Returns:
        The data set with train, val and test, and a note on what they are.

    Raises:
        DataError: Nothing was published to train on or to test on, or images are in no part.

    Example:
        >>> from pathlib import Path
        >>> from data.manifest import make_manifest
        >>> parts = pd.Series(["train"] * 20 + ["val"] * 4)
        >>> codes = pd.Series([0, 1] * 12)
        >>> manifest = make_manifest([f"{row}.jpg" for row in range(24)], codes, split=parts)
        >>> kept = official(Dataset("FairFace", Path("/faces"), manifest))
        >>> kept.manifest["split"].value_counts().to_dict()
        {'train': 18, 'test': 4, 'val': 2}
    """
    manifest, parts = dataset.manifest, set(dataset.manifest["split"].dropna().unique())
    if manifest["split"].isna().any() or "train" not in parts or len(parts) == 1:
        raise DataError(f"{dataset.root}: SPLIT=official: {_unpublished(manifest)}")
    if parts == set(SPLITS):
        return _with_note(dataset, "the published parts are kept")
    where = "the published test part is kept"
    if "test" not in parts:
        manifest = manifest.assign(split=manifest["split"].replace("val", "test"))
        where = "the published validation part is tested on, as in papers"
    whole = replace(dataset, manifest=_with_validation(manifest, dataset.strata))
    return _with_note(whole, f"{where}, and a share of train is taken for validation")


def _unpublished(manifest: pd.DataFrame) -> str:
    """What is missing of published parts, and what to do."""
    otherwise = "or leave SPLIT out, which makes a split by identity"
    if manifest["split"].isna().all():
        return (
            "it has no parts of its own. Give them (CelebA's list_eval_partition, FairFace's two "
            f"tables, a column 'split', folders train and test), {otherwise}"
        )
    lack = "" if manifest["split"].isna().any() else ", and train and a part to test on are needed"
    return f"{split_fault(manifest)}{lack}. Get the whole data set with its partition, {otherwise}"


def _with_note(dataset: Dataset, what: str) -> Dataset:
    counts = dataset.manifest["split"].value_counts()
    shown = ", ".join(f"{part} {counts[part]:,}" for part in SPLITS)
    return replace(dataset, notes=(*dataset.notes, f"SPLIT=official: {what}: {shown}"))


def _with_validation(manifest: pd.DataFrame, strata: pd.DataFrame | None) -> pd.DataFrame:
    """The manifest with a share of the people in train put in val."""
    rows = np.flatnonzero(manifest["split"] == "train")
    train = manifest.iloc[rows]
    people = number_people(train["identity"])
    val, _ = held_out_shares(len(train))
    shares = np.array([1 - val, val])
    parts = _deal(_counts(people, train, strata), shares, seed=0, few=_FEW)[people]
    names = manifest["split"].to_numpy(object)
    names[rows[parts == 1]] = "val"
    return manifest.assign(split=pd.Series(names, manifest.index, "string"))


def require_all_classes(manifest: pd.DataFrame, labels: Sequence[Label] | None) -> None:
    """Refuse a split in which a class of a label is not in train, val and test.

    Args:
        manifest: Manifest with codes of labels, `identity` and `split`.
        labels: Labels of the manifest, by whose names classes are called; None to know them by
            their codes alone.

    Raises:
        DataError: A class is missing; the message has the counts.

    Example:
        >>> rows = {"label": [0, 1] * 3, "split": ["train"] * 2 + ["val"] * 2 + ["test"] * 2}
        >>> require_all_classes(pd.DataFrame(rows), None)
    """
    names = [name for name in map(str, manifest) if is_code_column(name)]
    known: Sequence[Label | None] = labels or [None] * len(names)
    for label, name in zip(known, names, strict=True):
        codes = manifest[name].to_numpy()
        classes = np.arange(len(label.classes)) if label else _classes(codes)
        counts = pd.crosstab(codes, manifest["split"])
        counts = counts.reindex(index=classes, columns=SPLITS, fill_value=0)
        lacking = counts[(counts == 0).any(axis=1)]
        if lacking.empty:
            continue
        shown = ", ".join(
            f"{label.classes[code] if label else f'class {code}'} {'/'.join(map(str, row))}"
            for code, row in zip(lacking.index[:_SHOWN], lacking.to_numpy(), strict=False)
        )
        people = number_people(manifest["identity"]).max(initial=-1) + 1
        raise DataError(
            f"{len(manifest):,} images of {people:,} people are too few to have every class in "
            f"each of {', '.join(SPLITS)}: of {label.name if label else name} there are {shown}; "
            "give more images, leave the class out, or make a new split by SPLIT=identity"
        )


def number_people(identity: pd.Series) -> np.ndarray:
    """Number the people of a manifest; an image without identity is a person of its own.

    Args:
        identity: N identities, NA where none is known.

    Returns:
        int64 [N], 0..P-1: those with an identity in the order in which they appear, then the
        others.

    Example:
        >>> number_people(pd.Series(["ann", None, "bob", "ann", None])).tolist()
        [0, 2, 1, 0, 3]
    """
    people, known = pd.factorize(identity)
    alone = people < 0
    people[alone] = len(known) + np.arange(alone.sum())
    return people


def class_weights(codes: pd.Series | np.ndarray, classes: int = 2) -> dict[int, float]:
    """Weigh the classes of a label so that all count the same and the mean weight is 1.

    Args:
        codes: N codes of one label; `MISSING` ones count nowhere.
        classes: Number of its classes.

    Returns:
        The weight of each class that occurs, by its code.

    Example:
        >>> class_weights(np.array([0, 0, 0, 1]))
        {0: 0.6666666666666666, 1: 2.0}
        >>> class_weights(np.array([0, 1, 1, 2, -1]), classes=3)
        {0: 1.3333333333333333, 1: 0.6666666666666666, 2: 1.3333333333333333}
    """
    counts = class_counts(np.asarray(codes), classes)
    total = counts.sum()
    return {code: float(total / (classes * count)) for code, count in enumerate(counts) if count}


def people_in_several_parts(manifest: pd.DataFrame) -> int:
    """Count the people who have images in more than one part.

    Example:
        >>> people, parts = ["ann", "ann", "bob"], ["train", "test", "val"]
        >>> manifest = pd.DataFrame({"identity": people, "split": parts})
        >>> people_in_several_parts(manifest)
        1
    """
    return int((manifest.groupby("identity")["split"].nunique() > 1).sum())


def parts_checked(dataset: Dataset) -> Dataset:
    """Add a note to a data set if people are in several of its own parts.

    Example:
        >>> from pathlib import Path
        >>> people, parts = ["ann", "ann", "bob"], ["train", "test", "val"]
        >>> manifest = pd.DataFrame({"identity": people, "split": parts})
        >>> print(parts_checked(Dataset("CSV table", Path("/faces"), manifest)).notes[0])
        1 of 2 people are in several parts of the given split, so that test figures ...
    """
    several = people_in_several_parts(dataset.manifest)
    if not several:
        return dataset
    people = dataset.manifest["identity"].nunique()
    note = (
        f"{several:,} of {people:,} people are in several parts of the given split, so that test "
        "figures come out too good; SPLIT=identity makes a new one by identity"
    )
    return replace(dataset, notes=(*dataset.notes, note))


def parts_dropped(dataset: Dataset) -> Dataset:
    """Drop a data set's own parts, with a note if it had some.

    Example:
        >>> from pathlib import Path
        >>> manifest = pd.DataFrame({"split": ["train", "val", "test"]})
        >>> dataset = parts_dropped(Dataset("CSV table", Path("/faces"), manifest))
        >>> dataset.manifest["split"].isna().tolist()
        [True, True, True]
    """
    if not has_official_split(dataset.manifest):
        return dataset
    return replace(
        dataset,
        manifest=dataset.manifest.assign(split=pd.Series(pd.NA, dataset.manifest.index, "string")),
        notes=(*dataset.notes, "the given split is not used: SPLIT=identity makes a new one"),
    )


def _classes(codes: np.ndarray) -> np.ndarray:
    """The codes that a label has, as far as int [N] of them tell; two at least."""
    return np.arange(codes.max(initial=1) + 1)


def _counts(people: np.ndarray, manifest: pd.DataFrame, strata: pd.DataFrame | None) -> np.ndarray:
    """Number of images that each person has of each class, and of strata outside it: [P, S]."""
    if strata is None:
        each = [column[:, None] == _classes(column) for column in codes_of(manifest).T]
        inside = np.hstack(each)
    else:
        inside = strata.reindex(manifest["path"], fill_value=False).to_numpy(bool)
    count = people.max(initial=-1) + 1
    counts = np.stack([np.bincount(people, column, count) for column in inside.T], axis=1)
    if strata is None:
        return counts
    return np.hstack([counts, np.bincount(people, minlength=count)[:, None] - counts])


def _deal(counts: np.ndarray, shares: np.ndarray, seed: int, few: int) -> np.ndarray:
    """Index into `SPLITS` for each of P people with float [P, S] images, int64 [P]."""
    targets = np.outer(shares, counts.sum(axis=0)).clip(min=1)  # [part, column]
    worth = _worth_of_first(counts, few)
    shuffled = np.random.default_rng(seed).permutation(len(counts))
    order = shuffled[np.argsort(-counts.sum(axis=1)[shuffled], kind="stable")]
    filled = np.zeros_like(targets)
    part_of = np.zeros(len(counts), dtype=np.int64)
    for person in order:
        group = counts[person]
        # Growth of the squared shortfall, relative to the target, if the person went there.
        cost = (group * (2 * (filled - targets) + group) / targets).sum(axis=1)
        part = part_of[person] = (cost - (filled == 0) @ (worth * (group > 0))).argmin()
        filled[part] += group
    return part_of


def _worth_of_first(counts: np.ndarray, few: int) -> np.ndarray:
    """What it is worth that a part gets its first person with a class, float [S].

    It outweighs all shortfalls together, the more so the fewer have the class: of many labels one
    has a class that three people have, who go to three parts. It is 0 where there are enough.

    Args:
        counts: Number of images that each of P people has of S classes, float [P, S].
        few: Number of people from which on there are enough.
    """
    people = (counts > 0).sum(axis=0)
    return np.where(people < few, few * counts.shape[1] / people.clip(min=1), 0)
