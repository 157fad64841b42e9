"""Is the model wrong more often on some faces than on others?

Groups are made by attributes, other labels, data sets, brightness and size of the images. Intervals
come from a bootstrap over identities, not images: several images of one person are not independent
(Davison & Hinkley, 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse

from data import GENDER, Label, attributes
from data.labels import MISSING, codes_of
from data.manifest import DATASET
from data.rows import Rows
from data.splits import number_people
from data.spreadsheets import harmless
from inference.bundle import Gap

FILE = "audit.csv"
MINIMUM = 30
RESAMPLES = 1000
_TERCILES = {
    "brightness": ("dark", "medium", "bright"),
    "image size": ("small", "medium", "large"),
}
_LUMA = np.array([0.299, 0.587, 0.114])
_COLUMNS = ("label", "feature", "group", "gap")  # at least
_NO_GROUP = ""

_Groups = Mapping[str, np.ndarray]
"""By feature, the group of each image, str [n], `_NO_GROUP` where it is not known."""


def wrong_columns(label: Label) -> tuple[str, str] | None:
    """Name the columns of the errors on either class of a label; None if it has many classes.

    Args:
        label: The label.

    Example:
        >>> wrong_columns(GENDER), wrong_columns(Label(name="Smiling", classes=("no", "yes")))
        (('women_wrong', 'men_wrong'), ('no_wrong', 'yes_wrong'))
    """
    if label == GENDER:
        return "women_wrong", "men_wrong"
    return (f"{label.classes[0]}_wrong", f"{label.classes[1]}_wrong") if label.is_binary else None


def audit(
    labels: Sequence[Label],
    manifest: pd.DataFrame,
    images: Rows,
    rows: np.ndarray,
    decisions: np.ndarray,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute figures for each label and group of images.

    Features with fewer than `MINIMUM` images in a group are left out, and images of which neither
    group nor code is known.

    Args:
        labels: The L labels of the model.
        manifest: N rows with `path`, codes, `identity` and attributes, perhaps `dataset`.
        images: Images, uint8 RGB [N, s, s, 3].
        rows: Indices of the images to look at, int [n].
        decisions: Codes of the classes that the model decides for, int [n, L].
        seed: Seed of the bootstrap.

    Returns:
        One row for each label, feature and group, labels in order, of each the feature with the
        largest gap first, with the columns:

        - `label`: Name of the label.
        - `feature`: Attribute as annotated, another label, "data set", "brightness" or "image
          size".
        - `group`: "yes" or "no" of an attribute, class, data set, or the third, such as "dark".
        - `images`, `identities`: Number of images, and of people in them.
        - `accuracy`: Share of correct decisions.
        - `balanced_accuracy`: Mean of all classes' accuracies; missing in a group without images
          of some class.
        - `<class>_wrong`, of two classes: Share of its images decided for the other one; missing
          likewise. Of gender `women_wrong` and `men_wrong`.
        - `answered_<class>`, of two classes: Share of the images decided for the second.
        - `gap`: Accuracy of the feature's best group less that of its worst.
        - `<figure>_low`, `<figure>_high`: Ends of the 95 % interval of each of these accuracies,
          shares of wrong decisions and gaps.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "face.png")
        >>> Image.new("RGB", (2, 2)).save(path)
        >>> manifest = pd.DataFrame({"path": str(path), "label": [0, 1] * 40, "identity": None})
        >>> manifest["Hat"] = np.arange(80) < 40
        >>> decisions = np.array([[0], [1]] * 40)
        >>> decisions[:10] = 1  # all of the first ten, who have hats
        >>> images = np.zeros((80, 2, 2, 3), np.uint8)
        >>> table = audit([GENDER], manifest, images, np.arange(80), decisions)
        >>> table[["feature", "group", "accuracy", "gap"]].values.tolist()
        [['Hat', 'no', 1.0, 0.125], ['Hat', 'yes', 0.875, 0.125]]
    """
    manifest = manifest.iloc[rows]
    codes, people = codes_of(manifest), number_people(manifest["identity"])
    bootstrap = _Bootstrap(people, _draws(people.max() + 1, seed))
    features = _features(labels, manifest, codes, (images[row] for row in rows))
    tables = [
        _ranked(
            _table(label, feature, groups, codes[:, at], decisions[:, at], bootstrap)
            for feature, groups in _large_enough(features, label, codes[:, at] != MISSING)
        )
        for at, label in enumerate(labels)
    ]
    return pd.concat(tables, ignore_index=True)


def _ranked(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put the tables of one label's features below each other, the largest gap first."""
    ranked = sorted(tables, key=lambda table: -table["gap"].iloc[0])
    return pd.concat(ranked) if ranked else pd.DataFrame(columns=_COLUMNS)


def write(table: pd.DataFrame, path: Path) -> None:
    """Write what `audit` returns as CSV, `label` only where there are several.

    Args:
        table: Table of figures.
        path: Path of the CSV file, replaced if it is there.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), FILE)
        >>> row = {"label": "gender", "feature": "Hat", "group": "=1+1", "gap": 0.2}
        >>> write(pd.DataFrame([row]), path)
        >>> print(path.read_text().strip())
        feature,group,gap
        Hat,'=1+1,0.2
    """
    texts = {name: table[name].map(harmless) for name in ("label", "feature", "group")}
    written = table.assign(**texts)
    if table["label"].nunique() < 2:
        written = written.drop(columns="label")
    written.to_csv(path, index=False)


def largest_gaps(table: pd.DataFrame, number: int = 5) -> tuple[Gap, ...]:
    """List the features by which accuracy differs most, if it does.

    Args:
        table: Table that `audit` returns, one row for each label, feature and group.
        number: Number of features, at most.

    Returns:
        A gap for each label and feature, the largest first.

    Example:
        >>> hats = {"label": "gender", "feature": "Hat"}
        >>> hats |= {"gap": 0.2, "gap_low": 0.1, "gap_high": 0.3}
        >>> rows = [
        ...     {**hats, "group": "no", "accuracy": 0.9},
        ...     {**hats, "group": "yes", "accuracy": 0.7},
        ... ]
        >>> [gap] = largest_gaps(pd.DataFrame(rows))
        >>> gap.feature, gap.worst, gap.best
        ('Hat', 'yes', 'no')
    """
    ranked = table[table["gap"] > 0].sort_values("gap", ascending=False, kind="stable")
    features = ranked.groupby(["label", "feature"], sort=False)
    return tuple(_gap(rows) for _, rows in list(features)[:number])


def _gap(rows: pd.DataFrame) -> Gap:
    worst, best = (rows.iloc[row] for row in (rows["accuracy"].argmin(), rows["accuracy"].argmax()))
    return Gap(
        label=worst["label"],
        feature=worst["feature"],
        worst=worst["group"],
        best=best["group"],
        worst_accuracy=worst["accuracy"],
        best_accuracy=best["accuracy"],
        gap=worst["gap"],
        interval=(worst["gap_low"], worst["gap_high"]),
    )


def _features(
    labels: Sequence[Label],
    manifest: pd.DataFrame,
    codes: np.ndarray,
    images: Iterable[np.ndarray],
) -> _Groups:
    named = {name: _yes_or_no(manifest[name]) for name in attributes(manifest)}
    learned = {label.name: _classes(label, codes[:, at]) for at, label in enumerate(labels)}
    joined = {"data set": manifest[DATASET].to_numpy(str)} if DATASET in manifest else {}
    measured = {"brightness": _brightness(images), "image size": _pixels(manifest["path"])}
    terciles = {name: _terciles(values, _TERCILES[name]) for name, values in measured.items()}
    return {**named, **learned, **joined, **terciles}


def _large_enough(
    features: _Groups, label: Label, known: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """The features by which images with a code of a label are compared, and their groups."""
    for feature, groups in features.items():
        used = np.where(known, groups, _NO_GROUP)
        counts = np.unique(used[used != _NO_GROUP], return_counts=True)[1]
        if feature != label.name and len(counts) > 1 and counts.min() >= MINIMUM:
            yield feature, used


def _yes_or_no(values: pd.Series) -> np.ndarray:
    return values.map({True: "yes", False: "no"}).fillna(_NO_GROUP).to_numpy(str)


def _classes(label: Label, codes: np.ndarray) -> np.ndarray:
    return np.array([*label.classes, _NO_GROUP])[codes]  # the last one is at MISSING, -1


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


@dataclass(frozen=True, eq=False)
class _Bootstrap:
    """What resamples of people weigh.

    Attributes:
        people: Person of each image, 0..P-1, int [n].
        draws: How often each person is drawn in each resample, float32 [RESAMPLES, P].
    """

    people: np.ndarray
    draws: np.ndarray

    def counts(self, cells: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Count images by cell, in the sample and in each resample.

        Args:
            cells: Cell of each image, int [n]; negative ones count nowhere.
            shape: Shape of all cells.

        Returns:
            float32 [*shape] and [RESAMPLES, *shape].
        """
        used = cells >= 0
        ones = np.ones(used.sum(), self.draws.dtype)
        size = (self.draws.shape[1], int(np.prod(shape)))
        by_person = sparse.coo_array((ones, (self.people[used], cells[used])), size).tocsc()
        resampled = (by_person.T @ self.draws.T).T
        return by_person.sum(axis=0).reshape(shape), resampled.reshape(-1, *shape)


def _draws(people: int, seed: int) -> np.ndarray:
    """How often each person is drawn in each resample, float32 [RESAMPLES, people]."""
    random = np.random.default_rng(seed)
    return random.multinomial(people, np.full(people, 1 / people), RESAMPLES).astype(np.float32)


def _table(
    label: Label,
    feature: str,
    groups: np.ndarray,
    codes: np.ndarray,
    decisions: np.ndarray,
    bootstrap: _Bootstrap,
) -> pd.DataFrame:
    used = groups != _NO_GROUP
    names, of_group = np.unique(groups[used], return_inverse=True)
    shape = (len(names), len(label.classes), 2)  # images by group, class and whether correct
    cells = np.full(len(groups), -1)
    cells[used] = np.ravel_multi_index(
        (of_group, codes[used], (codes == decisions)[used].astype(int)), shape
    )
    counted, resampled = bootstrap.counts(cells, shape)
    people = pd.Series(bootstrap.people[used]).groupby(of_group).nunique()
    table = pd.DataFrame({"label": label.name, "feature": feature, "group": names})
    table = table.assign(images=counted.sum((1, 2)).astype(int), identities=people.to_numpy())
    figures, spread = _figures(label, counted), _figures(label, resampled)
    for name, values in figures.items():
        table[name] = values
        table[f"{name}_low"], table[f"{name}_high"] = _interval(spread[name])
    if label.is_binary:
        answered = "answered_man" if label == GENDER else f"answered_{label.classes[1]}"
        table[answered] = (counted[:, 0, 0] + counted[:, 1, 1]) / counted.sum((1, 2))
    worst, best = table["accuracy"].argmin(), table["accuracy"].argmax()
    table["gap"] = table["accuracy"][best] - table["accuracy"][worst]
    gaps = spread["accuracy"][:, best] - spread["accuracy"][:, worst]
    table["gap_low"], table["gap_high"] = _interval(gaps)
    return table


def _interval(values: np.ndarray) -> np.ndarray:
    """The middle 95 % over resamples, those left out in which a figure is undefined."""
    undefined = np.isnan(values).all(axis=0)
    filled = np.where(undefined, 0.0, values)
    return np.where(undefined, np.nan, np.nanquantile(filled, [0.025, 0.975], axis=0))


def _figures(label: Label, cells: np.ndarray) -> dict[str, np.ndarray]:
    """Figures from numbers of images by class and correctness, [..., C, 2] -> [...]."""
    with np.errstate(invalid="ignore"):
        wrong = cells[..., 0].astype(float) / cells.sum(-1)
        accuracy = cells[..., 1].sum(-1, dtype=float) / cells.sum((-2, -1))
    figures = {"accuracy": accuracy, "balanced_accuracy": 1 - wrong.mean(-1)}
    columns = wrong_columns(label)
    if columns:
        figures |= {name: wrong[..., at] for at, name in enumerate(columns)}
    return figures
