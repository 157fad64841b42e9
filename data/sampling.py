"""A smaller set that looks like the whole."""

from typing import Literal, get_args

import numpy as np
import pandas as pd

from data.labels import GENDER, MISSING, codes_of, stratum
from data.manifest import DataError

Balance = Literal["natural", "equal"]
"""How many images of each class are drawn, see `sample`."""

BALANCES: tuple[Balance, ...] = get_args(Balance)


def sample(
    manifest: pd.DataFrame,
    samples: int | None,
    balance: Balance = "natural",
    seed: int = 0,
    strata: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Draw rows without replacement.

    Args:
        manifest: Manifest of N images, with codes of labels and `split`.
        samples: Number of rows to draw, at least 2; all if None or more than there are.
        balance: "natural" to keep the shares of the classes, "equal" for as many images of each
            class of the only label. The shares of official parts are kept as well.
        seed: Seed of the draw.
        strata: Classes of the images, `Dataset.strata`: where gender is among them, "natural"
            draws by it, so that the images are the same whichever label is learned.

    Returns:
        The drawn rows in their order, index 0..n-1.

    Raises:
        DataError: `samples` is below 2, `balance` is unknown, or "equal" of several labels.

    Example:
        >>> from data.manifest import make_manifest
        >>> manifest = make_manifest([f"{i}.jpg" for i in range(9)], pd.Series([0] * 6 + [1] * 3))
        >>> sample(manifest, 4, "equal")["label"].tolist()
        [0, 0, 1, 1]
    """
    if samples is not None and samples < 2:
        raise DataError(f"samples={samples}: at least 2 are needed, one of each class")
    if balance not in BALANCES:
        raise DataError(f"balance={balance!r}: choose one of {', '.join(BALANCES)}")
    if balance == "equal" and codes_of(manifest).shape[1] > 1:
        raise DataError(
            "balance='equal' draws as many images of each class, which several labels cannot all "
            "have: learn one label, or choose natural"
        )
    wanted = len(manifest) if samples is None else min(samples, len(manifest))
    parts = manifest["split"].fillna("")  # Without official splits: one part for all.
    groups = pd.Series(_groups(manifest, None if balance == "equal" else strata), manifest.index)
    counts = pd.crosstab(parts, groups)
    if balance == "equal":  # a class that has no image allows none of the others
        counts = counts.reindex(columns=range(max(1, groups.max()) + 1), fill_value=0)
    draw = _equal if balance == "equal" else _natural
    quotas = dict(zip(counts.stack().index, draw(counts.to_numpy(), wanted).ravel(), strict=True))
    rng = np.random.default_rng(seed)
    drawn = [
        rng.choice(rows, quotas[stratum], replace=False)
        for stratum, rows in manifest.groupby([parts, groups]).indices.items()
    ]
    return manifest.iloc[np.sort(np.concatenate(drawn))].reset_index(drop=True)


def nested_order(codes: np.ndarray, seed: int) -> np.ndarray:
    """Order images so that each part from the beginning has all classes in proportion.

    Images with the same classes of all labels are spread evenly over the order, from its very
    beginning, so that what is rare is not missing in a small sample.

    Args:
        codes: Codes of the images, int [n, L].
        seed: Seed of the order.

    Returns:
        Positions of the images, int64 [n].

    Example:
        >>> codes = np.array([[0]] * 4 + [[1]] * 2)
        >>> codes[nested_order(codes, seed=0), 0].tolist()[:3] in ([0, 1, 0], [1, 0, 0])
        True
    """
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    group = np.unique(codes[shuffled], axis=0, return_inverse=True)[1].reshape(-1)
    table = pd.Series(group)
    ranks = table.groupby(table).cumcount().to_numpy()
    sizes = np.bincount(group)[group]
    return shuffled[np.argsort(ranks / sizes, kind="stable")]


def _groups(manifest: pd.DataFrame, strata: pd.DataFrame | None) -> np.ndarray:
    """The gender of each image where strata know it, else a number for its labels, int64 [N]."""
    women, men = (stratum(GENDER, code) for code in range(len(GENDER.classes)))
    if strata is None or not {women, men} <= set(strata):
        codes = codes_of(manifest)
        if codes.shape[1] == 1:
            return codes[:, 0]
        return np.unique(codes, axis=0, return_inverse=True)[1].reshape(-1)
    known = strata[[women, men]].reindex(manifest["path"], fill_value=False).to_numpy()
    return np.where(known.any(axis=1), known.argmax(axis=1), MISSING)


def _natural(counts: np.ndarray, wanted: int) -> np.ndarray:
    """How many to draw of int [part, group] rows, in proportion."""
    return _shares(counts.ravel(), wanted).reshape(counts.shape)


def _equal(counts: np.ndarray, wanted: int) -> np.ndarray:
    """How many to draw of int [part, class] rows, the same of all classes in each part."""
    classes = counts.shape[1]
    sets = counts.min(axis=1)
    quotas = _shares(sets, min(wanted // classes, sets.sum()))
    return np.repeat(quotas[:, None], classes, axis=1)


def _shares(sizes: np.ndarray, wanted: int) -> np.ndarray:
    """`wanted` (at most all) in proportion to `sizes`, int; one of each first, if enough."""
    first = (sizes > 0).astype(int) if wanted >= np.count_nonzero(sizes) else np.zeros_like(sizes)
    rest, left = sizes - first, wanted - first.sum()
    exact = rest * (left / max(rest.sum(), 1))
    quotas = np.floor(exact).astype(int)
    neediest = np.argsort(quotas - exact, kind="stable")[: left - quotas.sum()]
    quotas[neediest] += 1
    return first + quotas
