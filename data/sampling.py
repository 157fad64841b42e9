"""The images that a run works on: some to learn from, and some to test on."""

from typing import Literal, get_args

import numpy as np
import pandas as pd

from data.labels import GENDER, MISSING, codes_of, stratum
from data.manifest import SPLITS, DataError

Balance = Literal["natural", "equal"]
"""How many images of each class are drawn, see `sample`."""

BALANCES: tuple[Balance, ...] = get_args(Balance)

MOST_TESTED = 2000
"""Test images that go with a sample: an accuracy of 97 % is then known to 0.4 points (its standard
error). Three times as many would only make it 0.2, and each of them passes every backbone."""

VALIDATION_SHARE = 0.2
"""Share of the images of a sample that choose what the others have learned."""


def sample(
    manifest: pd.DataFrame,
    samples: int | None,
    balance: Balance = "natural",
    seed: int = 0,
    strata: pd.DataFrame | None = None,
    *,
    validation: float | None = None,
    tested: int | None = MOST_TESTED,
) -> pd.DataFrame:
    """Draw images of a manifest that is split: some to learn from, and some to test on.

    A larger sample holds a smaller one of the same seed. Every class that a part has is drawn of
    it, if need be with an image or two more than asked for.

    Args:
        manifest: Manifest of N images, with codes of labels and `split`, see `data.split`.
        samples: Number of images to learn from, train and val together, at least 2; None for all
            images, the test's too.
        balance: "natural" to keep the shares of the classes, "equal" for as many images of each
            class of the only label, in each part.
        seed: Seed of the draw.
        strata: Classes of the images, `Dataset.strata`: where gender is among them, "natural"
            draws by it, so that the images are the same whichever label is learned.
        validation: Share of the images to learn from that is drawn of val; None for what the parts
            have.
        tested: Largest number of test images, beside `samples` itself; None for all.

    Returns:
        The drawn rows in their order, index 0..n-1.

    Raises:
        DataError: `samples` is below 2, `balance` is unknown, or "equal" of several labels.

    Example:
        >>> from data.manifest import make_manifest
        >>> parts = pd.Series(["train"] * 12 + ["val"] * 4 + ["test"] * 4)
        >>> manifest = make_manifest(
        ...     [f"{i}.jpg" for i in range(20)], pd.Series([0, 1] * 10), split=parts
        ... )
        >>> sample(manifest, 8)["split"].value_counts().to_dict()
        {'train': 6, 'test': 4, 'val': 2}
    """
    _require(samples, balance, manifest)
    orders = _orders(manifest, balance, seed, strata)
    sizes = {part: len(order) for part, order in orders.items()}
    wanted = sizes if samples is None else _wanted(sizes, samples, validation, tested)
    codes = codes_of(manifest)
    step = _classes(codes) if balance == "equal" else 1
    drawn = [_beginning(order, wanted[part], step, codes) for part, order in orders.items()]
    return manifest.iloc[np.sort(np.concatenate(drawn))].reset_index(drop=True)


def available(
    manifest: pd.DataFrame, balance: Balance = "natural", strata: pd.DataFrame | None = None
) -> tuple[int, int]:
    """Count the images that `sample` can draw: those to learn from, and those to test on.

    Args:
        manifest: Manifest of N images, with codes of labels and `split`.
        balance: How many images of each class are drawn.
        strata: Classes of the images, `Dataset.strata`.

    Raises:
        DataError: As of `sample`.

    Example:
        >>> rows = {"label": [0, 0, 1, 1], "split": ["train", "train", "val", "test"]}
        >>> available(pd.DataFrame(rows))
        (3, 1)
    """
    _require(None, balance, manifest)
    sizes = {part: len(order) for part, order in _orders(manifest, balance, 0, strata).items()}
    return sizes["train"] + sizes["val"], sizes["test"]


def _require(samples: int | None, balance: Balance, manifest: pd.DataFrame) -> None:
    if samples is not None and samples < 2:
        raise DataError(f"samples={samples}: at least 2 are needed, one of each class")
    if balance not in BALANCES:
        raise DataError(f"balance={balance!r}: choose one of {', '.join(BALANCES)}")
    if balance == "equal" and codes_of(manifest).shape[1] > 1:
        raise DataError(
            "balance='equal' draws as many images of each class, which several labels cannot all "
            "have: learn one label, or choose natural"
        )


def _orders(
    manifest: pd.DataFrame, balance: Balance, seed: int, strata: pd.DataFrame | None
) -> dict[str, np.ndarray]:
    """For each part the rows that can be drawn of it, those first that small samples have too."""
    equal = balance == "equal"
    groups = _groups(manifest, None if equal else strata)
    classes, orders = _classes(groups), {}
    for part in SPLITS:
        rows = np.flatnonzero(manifest["split"] == part)
        of_rows = groups[rows]
        order = _in_turn(of_rows, classes, seed) if equal else nested_order(of_rows[:, None], seed)
        orders[part] = rows[order]
    return orders


def _classes(codes: np.ndarray) -> int:
    return max(2, int(codes.max(initial=0)) + 1)


def _in_turn(codes: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """Order images of 0..classes-1 so that one of each class follows the other, while all last."""
    shuffled = np.random.default_rng(seed).permutation(len(codes))
    shuffled = shuffled[codes[shuffled] != MISSING]
    table = pd.Series(codes[shuffled])
    ranks = table.groupby(table).cumcount().to_numpy()
    sets = np.bincount(codes[shuffled], minlength=classes).min()
    return shuffled[np.argsort(ranks, kind="stable")][: classes * sets]


def _wanted(
    sizes: dict[str, int], samples: int, validation: float | None, tested: int | None
) -> dict[str, int]:
    """How many images to draw of each part."""
    train, val = sizes["train"], sizes["val"]
    learned = min(samples, train + val)
    share = val / max(train + val, 1) if validation is None else validation
    chosen = min(max(round(share * learned), 1, learned - train), val)
    test = sizes["test"] if tested is None else min(sizes["test"], tested, samples)
    return {"train": learned - chosen, "val": chosen, "test": test}


def _beginning(order: np.ndarray, count: int, step: int, codes: np.ndarray) -> np.ndarray:
    """The first rows of an order: whole steps, and behind them the first of each class left out.

    Args:
        order: Rows, int [n].
        count: Number of rows.
        step: Number of rows that are drawn together.
        codes: Codes of all rows, int [N, L].
    """
    count = max(count // step, 1) * step
    lacking = np.zeros(len(order), bool)
    for column in codes[order].T:
        classes, first = np.unique(column, return_index=True)
        lacking[first[classes != MISSING]] = True
    lacking[:count] = False
    return np.concatenate([order[:count], order[lacking]])


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
