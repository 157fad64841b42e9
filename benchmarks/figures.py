"""What calibration and operating point are worth, before and now: `python -m benchmarks.figures`.

Before: a temperature, and a one-sided 95 % bound on images that chose the temperature as well, as
if each showed another person. First on drawn predictions, whose truth is known; then, for each
folder of a finished run that is named, on random halves of its people: fitted on one half of the
validation and test images, counted on the other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import optimize, stats

from data import GENDER, Label, read_manifest
from data.labels import MISSING, codes_of, decisions, from_table, output_slices
from data.splits import number_people
from tuning import metrics
from tuning.metrics import Calibration
from tuning.metrics.operating_points import TARGETS
from tuning.runs.run_folder import RunError, RunFolder

DRAWS = 100
_PREVALENCE = 0.77  # of `Young` in CelebA
_PEOPLE = 375  # two images each


@dataclass(frozen=True)
class Images:
    """Predictions of some images.

    Attributes:
        codes: Codes, int [n].
        logits: Logits, float [n, width].
        people: Number of the person in each image, int [n].
    """

    codes: np.ndarray
    logits: np.ndarray
    people: np.ndarray

    def of(self, rows: np.ndarray) -> Images:
        """Return some of them.

        Args:
            rows: Which, bool [n].
        """
        return Images(self.codes[rows], self.logits[rows], self.people[rows])


class Fitted(NamedTuple):
    """What is served: a calibration, the least probability, and the accuracy promised with it."""

    calibration: Calibration
    least: float
    target: float


Fit = Callable[[Label, Images], Fitted]


def before(label: Label, images: Images) -> Fitted:
    """Fit a temperature, and the point whose one-sided bound holds as if people were images.

    Args:
        label: The label.
        images: Images to fit on.
    """

    def scaled(log_slope: float) -> Calibration:
        return Calibration(slope=float(np.exp(log_slope)), bias=(0.0,) * label.width)

    def loss(log_slope: float) -> float:
        p = metrics.probabilities([label], images.logits, [scaled(log_slope)])
        return metrics.log_loss(images.codes, p)

    found = optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    p = metrics.probabilities([label], images.logits, [scaled(found.x)])
    correct, sure = decisions(p) == images.codes, p.max(axis=1)
    for target in TARGETS:
        chosen = None
        for share in np.linspace(0.5, 1.0, 51):
            least = np.quantile(sure, 1 - share, method="inverted_cdf") if share < 1 else 0.0
            right, total = correct[sure >= least].sum(), (sure >= least).sum()
            if not right or stats.beta.ppf(0.05, right, total - right + 1) < target:
                break
            chosen = Fitted(scaled(found.x), float(least), target)
        if chosen:
            return chosen
    return Fitted(scaled(found.x), 1.0, TARGETS[-1])


def now(label: Label, images: Images) -> Fitted:
    """Fit slope and biases and choose the operating point as a search does.

    Args:
        label: The label.
        images: Images to fit on.
    """
    codes, p = images.codes[:, None], metrics.probabilities([label], images.logits)
    fair = metrics.cross_fitted([label], codes, p, images.people)
    point = metrics.operating_point(images.codes, fair, images.people)
    calibration = metrics.fit_calibration(label, images.codes, images.logits)
    return Fitted(calibration, point.least[0], point.target_accuracy)


def drawn(people: int, rng: np.random.Generator) -> Images:
    """Draw what a head with class weights says of two images a person, of a label like `Young`.

    Args:
        people: Number of people.
        rng: Source of randomness.
    """
    codes = (rng.random(people) < _PREVALENCE).astype(int).repeat(2)
    noise = rng.normal(size=people).repeat(2) + rng.normal(size=2 * people)
    return Images(
        codes, (2.4 * (2 * codes - 1) + 1.6 * noise)[:, None], np.arange(people).repeat(2)
    )


def compared(label: Label, halves: Iterator[tuple[Images, Images]]) -> list[tuple[str, ...]]:
    """Fit and count, before and now.

    Args:
        label: The label.
        halves: Images to fit on, and others to count on.

    Returns:
        A row each for before and now: calibration error, how often the promise held, the mean
        accuracy promised, and the mean share of images without a decision.
    """
    fits: dict[str, Fit] = {"before": before, "now": now}
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in fits}
    for seen, others in halves:
        for name, fit in fits.items():
            served = fit(label, seen)
            p = metrics.probabilities([label], others.logits, [served.calibration])
            given = p.max(axis=1) >= served.least
            correct = decisions(p)[given] == others.codes[given]
            held = not given.any() or correct.mean() >= served.target
            error = metrics.calibration_error(others.codes, p)
            found[name].append((error, held, served.target, 1 - given.mean()))
    rows: list[tuple[str, ...]] = []
    for name, each in found.items():
        error, held, target, uncertain = np.mean(each, axis=0)
        rows.append((name, f"{error:.3f}", f"{held:.0%}", f"{target:.1%}", f"{uncertain:.1%}"))
    return rows


def halves(images: Images, rng: np.random.Generator) -> Iterator[tuple[Images, Images]]:
    """Halve images by their people, again and again.

    Args:
        images: Predictions of the images.
        rng: Source of randomness.
    """
    for _ in range(DRAWS):
        first = (rng.random(images.people.max() + 1) < 0.5)[images.people]
        yield images.of(first), images.of(~first)


def predictions(path: Path) -> Iterator[tuple[str, Label, Images]]:
    """Read what a run's winners say of validation and test images.

    Args:
        path: Folder of a finished run.

    Yields:
        Name of the winner, label, and predictions of the images that have it.

    Raises:
        RunError: The run cannot be read.
    """
    run = RunFolder(path)
    labels, winners = run.read_config().labels, run.read_metrics().winners
    people = number_people(read_manifest(run.manifest)["identity"])
    for name in winners:
        table = pd.read_csv(run.predictions(name))
        codes, p = codes_of(table), from_table(labels, table)
        logits, who = metrics.logits_of(labels, p), people[table["row"]]
        for number, (label, at) in enumerate(zip(labels, output_slices(labels), strict=True)):
            has = codes[:, number] != MISSING
            yield name, label, Images(codes[has, number], logits[has, at], who[has])


def main(paths: list[str]) -> None:
    """Print the table.

    Args:
        paths: Folders of finished runs.
    """
    table = Table(
        "predictions", "", "calibration error", "promise held", "promised", "uncertain",
        caption=f"{DRAWS} draws each; a run's predictions have the calibration of the run already",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    others = drawn(10_000, rng)
    drawings = ((drawn(_PEOPLE, rng), others) for _ in range(DRAWS))
    for row in compared(GENDER, drawings):
        table.add_row("drawn, like Young", *row)
    for path in map(Path, paths):
        for name, label, images in predictions(path):
            for row in compared(label, halves(images, rng)):
                table.add_row(f"{path.name}, {name}, {label.name}", *row)
    Console().print(table)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RunError as error:
        sys.exit(str(error))
