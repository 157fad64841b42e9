"""Is the model wrong more often on some faces than on others? By attribute, brightness and size.

Groups are compared with fairlearn's MetricFrame. Intervals come from a bootstrap over identities,
not images: several images of one person are not independent (Davison & Hinkley, 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from fairlearn.metrics import (
    MetricFrame,
    count,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
)
from PIL import Image
from sklearn.metrics import accuracy_score

from data import attributes
from data.splits import number_people
from inference.bundle import Gap

FILE = "audit.csv"
MINIMUM = 30
RESAMPLES = 1000
_TERCILES = {
    "brightness": ("dark", "medium", "bright"),
    "image size": ("small", "medium", "large"),
}
_LUMA = np.array([0.299, 0.587, 0.114])
_MEASURES = {
    "images": count,
    "accuracy": accuracy_score,
    "women_wrong": false_positive_rate,
    "men_wrong": false_negative_rate,
    "answered_man": selection_rate,
}


def audit(
    manifest: pd.DataFrame,
    images: np.ndarray,
    rows: np.ndarray,
    decisions: np.ndarray,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute figures for each group of images, those of the feature with the largest gap first.

    Features with fewer than `MINIMUM` images in a group are left out.

    Args:
        manifest: N rows with `path`, `label`, `identity` and attributes.
        images: Images, uint8 RGB [N, s, s, 3].
        rows: Indices of the images to look at, int [n].
        decisions: Whether the model decides "man", bool [n].
        seed: Seed of the bootstrap.

    Returns:
        One row for each feature and group, with the columns:

        - `feature`: Attribute as annotated, "brightness" or "image size".
        - `group`: "yes" or "no" of an attribute, else the third, such as "dark".
        - `images`, `identities`: Number of images, and of people in them.
        - `accuracy`: Share of correct decisions.
        - `balanced_accuracy`: Mean of both labels' accuracies; missing in a group without women
          or without men.
        - `women_wrong`, `men_wrong`: Share of women decided "man", and of men decided "woman";
          missing likewise.
        - `answered_man`: Share of the images decided "man".
        - `gap`: Accuracy of the feature's best group less that of its worst.
        - `<figure>_low`, `<figure>_high`: Ends of the 95 % interval of each of these accuracies,
          shares and gaps.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "face.png")
        >>> Image.new("RGB", (2, 2)).save(path)
        >>> manifest = pd.DataFrame({"path": str(path), "label": [0, 1] * 40, "identity": None})
        >>> manifest["Hat"] = np.arange(80) < 40
        >>> decisions = np.array([0, 1] * 40) == 1
        >>> decisions[:10] = True  # all of the first ten, who have hats
        >>> table = audit(manifest, np.zeros((80, 2, 2, 3), np.uint8), np.arange(80), decisions)
        >>> table[["feature", "group", "accuracy", "gap"]].values.tolist()
        [['Hat', 'no', 1.0, 0.125], ['Hat', 'yes', 0.875, 0.125]]
    """
    manifest = manifest.iloc[rows]
    labels = manifest["label"].to_numpy()
    people = number_people(manifest["identity"])
    draws = _draws(people.max() + 1, seed)
    tables = [
        _table(feature, groups, labels, decisions, people, draws)
        for feature, groups in _features(manifest, (images[row] for row in rows))
    ]
    if not tables:
        return pd.DataFrame(columns=["feature", "group", "gap"])
    table = pd.concat(tables, ignore_index=True)
    return table.sort_values("gap", ascending=False, kind="stable", ignore_index=True)


def largest_gaps(table: pd.DataFrame, number: int = 5) -> tuple[Gap, ...]:
    """List the features by which accuracy differs most, if it does.

    Args:
        table: Table that `audit` returns, one row for each feature and group.
        number: Number of features, at most.

    Returns:
        A gap for each feature, the largest first.

    Example:
        >>> hats = {"feature": "Hat", "gap": 0.2, "gap_low": 0.1, "gap_high": 0.3}
        >>> rows = [
        ...     {**hats, "group": "no", "accuracy": 0.9},
        ...     {**hats, "group": "yes", "accuracy": 0.7},
        ... ]
        >>> [gap] = largest_gaps(pd.DataFrame(rows))
        >>> gap.feature, gap.worst, gap.best
        ('Hat', 'yes', 'no')
    """
    gaps = []
    for feature, rows in table[table["gap"] > 0].groupby("feature", sort=False):
        worst, best = (
            rows.iloc[row] for row in (rows["accuracy"].argmin(), rows["accuracy"].argmax())
        )
        gaps.append(
            Gap(
                feature=str(feature),
                worst=worst["group"],
                best=best["group"],
                worst_accuracy=worst["accuracy"],
                best_accuracy=best["accuracy"],
                gap=worst["gap"],
                interval=(worst["gap_low"], worst["gap_high"]),
            )
        )
        if len(gaps) == number:
            break
    return tuple(gaps)


def _features(
    manifest: pd.DataFrame, images: Iterable[np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    named = {name: np.where(manifest[name], "yes", "no") for name in attributes(manifest)}
    measured = {"brightness": _brightness(images), "image size": _pixels(manifest["path"])}
    terciles = {name: _terciles(values, _TERCILES[name]) for name, values in measured.items()}
    for feature, groups in (named | terciles).items():
        counts = np.unique(groups, return_counts=True)[1]
        if len(counts) > 1 and counts.min() >= MINIMUM:
            yield feature, groups


def _brightness(images: Iterable[np.ndarray]) -> np.ndarray:
    """Mean luma of each image (ITU-R BT.601), 0..255."""
    return np.array([image.mean(axis=(0, 1)) @ _LUMA for image in images])


def _pixels(paths: pd.Series) -> np.ndarray:
    """Pixels of each file, from its header."""

    def area(path: str) -> int:
        with Image.open(Path(path)) as image:
            return image.width * image.height

    return np.array([area(path) for path in paths])


def _terciles(values: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The name of each value's third; all alike where the thirds do not differ."""
    edges = np.quantile(values, [1 / 3, 2 / 3])
    if len({values.min(), *edges, values.max()}) < 4:
        return np.full(len(values), names[1])
    return np.array(names)[np.searchsorted(edges, values, side="left")]


def _draws(people: int, seed: int) -> np.ndarray:
    """How often each person is drawn in each resample, float32 [RESAMPLES, people]."""
    random = np.random.default_rng(seed)
    return random.multinomial(people, np.full(people, 1 / people), RESAMPLES).astype(np.float32)


def _table(
    feature: str,
    groups: np.ndarray,
    labels: np.ndarray,
    decisions: np.ndarray,
    people: np.ndarray,
    draws: np.ndarray,
) -> pd.DataFrame:
    frame = MetricFrame(
        metrics=_MEASURES, y_true=labels, y_pred=decisions, sensitive_features=groups
    )
    table = frame.by_group.rename_axis("group").reset_index()
    table.insert(0, "feature", feature)
    codes = pd.Categorical(groups, categories=table["group"]).codes
    # Images by person, group, label and decision; a resample weighs the people.
    cells = np.zeros((draws.shape[1], len(table), 2, 2), draws.dtype)
    np.add.at(cells, (people, codes, labels, decisions.astype(int)), 1)
    table.insert(3, "identities", cells.any((2, 3)).sum(axis=0))
    table.loc[cells[:, :, 0].sum((0, 2)) == 0, "women_wrong"] = np.nan
    table.loc[cells[:, :, 1].sum((0, 2)) == 0, "men_wrong"] = np.nan
    table["balanced_accuracy"] = 1 - (table["women_wrong"] + table["men_wrong"]) / 2
    resampled = _figures(np.tensordot(draws, cells, axes=1))
    for name, values in resampled.items():
        table[f"{name}_low"], table[f"{name}_high"] = _interval(values)
    worst, best = table["accuracy"].argmin(), table["accuracy"].argmax()
    table["gap"] = frame.difference()["accuracy"]
    gaps = resampled["accuracy"][:, best] - resampled["accuracy"][:, worst]
    table["gap_low"], table["gap_high"] = _interval(gaps)
    return table


def _interval(values: np.ndarray) -> np.ndarray:
    """The middle 95 % over resamples, those left out in which a figure is undefined."""
    undefined = np.isnan(values).all(axis=0)
    filled = np.where(undefined, 0.0, values)
    return np.where(undefined, np.nan, np.nanquantile(filled, [0.025, 0.975], axis=0))


def _figures(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Figures from numbers of images by label and decision, float [..., 2, 2] -> float [...]."""
    with np.errstate(invalid="ignore"):
        women_wrong = cells[..., 0, 1] / cells[..., 0, :].sum(-1)
        men_wrong = cells[..., 1, 0] / cells[..., 1, :].sum(-1)
        accuracy = np.trace(cells, axis1=-2, axis2=-1) / cells.sum((-2, -1))
    return {
        "accuracy": accuracy,
        "balanced_accuracy": 1 - (women_wrong + men_wrong) / 2,
        "women_wrong": women_wrong,
        "men_wrong": men_wrong,
    }
