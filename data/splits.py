"""Train, val and test without a person in two of them; weights for unequal classes."""

import numpy as np
import pandas as pd

from data.manifest import SPLITS, DataError, has_official_split


def split(
    manifest: pd.DataFrame, val: float = 0.15, test: float = 0.15, seed: int = 0
) -> pd.DataFrame:
    """The manifest with every row in train, val or test.

    Official splits are kept if every row has one and all three occur. Otherwise people are
    dealt out, largest groups of photos first, each to the part that is furthest from its share
    of women and men; a row without identity is a person of its own. `val` and `test` are the
    shares (0..1) of images wanted there; people of equal group size are shuffled by `seed`.

    Raises:
        DataError: the shares leave nothing for training, or there are too few people for both
            classes to be in every part.
    """
    if val <= 0 or test <= 0 or val + test >= 1:
        raise DataError(f"val={val:g}, test={test:g}: shares must be above 0 and below 1 together")
    if has_official_split(manifest):
        return manifest
    people = _people(manifest["identity"])
    parts = _deal(people, manifest["label"].to_numpy(), np.array([1 - val - test, val, test]), seed)
    result = manifest.assign(split=pd.Series(np.array(SPLITS)[parts], manifest.index, "string"))
    if len(result.groupby(["split", "label"])) < 6:
        raise DataError(
            f"{len(manifest):,} images of {people.max(initial=-1) + 1:,} people are too few to "
            "have women and men in each of train, val and test; give more images"
        )
    return result


def class_weights(labels: pd.Series | np.ndarray) -> dict[int, float]:
    """Weight of each label, so that both count the same in all and the mean weight is 1."""
    counts = np.bincount(np.asarray(labels), minlength=2)
    return {label: float(counts.sum() / (2 * count)) for label, count in enumerate(counts) if count}


def _people(identity: pd.Series) -> np.ndarray:
    """A number 0..P-1 a row, int64 [N]; rows without identity get one each."""
    codes, known = pd.factorize(identity)
    alone = codes < 0
    codes[alone] = len(known) + np.arange(alone.sum())
    return codes


def _deal(people: np.ndarray, labels: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Index into `SPLITS` for each row, int64 [N]."""
    counts = np.zeros((people.max(initial=-1) + 1, 2))
    np.add.at(counts, (people, labels), 1)
    targets = np.outer(shares, counts.sum(axis=0)).clip(min=1)  # [part, label]
    shuffled = np.random.default_rng(seed).permutation(len(counts))
    order = shuffled[np.argsort(-counts.sum(axis=1)[shuffled], kind="stable")]
    filled = np.zeros_like(targets)
    part_of = np.zeros(len(counts), dtype=np.int64)
    for person in order:
        group = counts[person]
        # Growth of the squared shortfall, relative to the target, if the person went there.
        cost = (group * (2 * (filled - targets) + group) / targets).sum(axis=1)
        part = part_of[person] = cost.argmin()
        filled[part] += group
    return part_of[people]
