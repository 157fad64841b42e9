"""Plain Keras Tuner and ours with the same time: who is ahead at which minute, and by how much."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks import curve_plot
from benchmarks.curve_plot import Line
from benchmarks.curves import Curve, Point, Race, until
from benchmarks.plain_task import COMPUTING, SPLITS, PlainResult, PlainTask, Tuner
from benchmarks.tune_process import environment, tune
from benchmarks.workload import Workload
from data.labels import codes_of
from tuning.backbones.registry import BACKBONES
from tuning.report.drawing import TONES

PLAIN, DEFAULTS, OURS = "plain", "TF's own", "ours"
FIGURES = {"val": "validation", "test": "test"}
"""What is compared, with its name."""

_COLORS = {PLAIN: TONES[1], DEFAULTS: TONES[4], OURS: TONES[0]}


@dataclass(frozen=True)
class Side:
    """One search of one backbone by one side.

    Attributes:
        side: `PLAIN`, `OURS`, or `DEFAULTS`: plain with TensorFlow's own defaults.
        backbone: Name of the backbone.
        round: Number of the round, from 1.
        val: Accuracy on validation images over time, 0..1: plain's best epoch, our best trial.
        test: Accuracy on test images over time, 0..1: of plain's best epoch, of our winner.
        seconds: Seconds from the start of the process to its end.
        facts: What else is known of it.
    """

    side: str
    backbone: str
    round: int
    val: list[Point]
    test: list[Point]
    seconds: float
    facts: dict[str, Any]

    def curve(self, figure: str) -> Curve:
        """Return one of `FIGURES` over time."""
        return self.val if figure == "val" else self.test


@dataclass(frozen=True)
class Comparison:
    """Both sides on one backbone, the races of all rounds.

    Attributes:
        backbone: Name of the backbone.
        against: Plain side that ours is compared with.
        figure: What is compared, of `FIGURES`.
        races: Race of each round.
        ratio: Median over the rounds of plain's time to its best over ours; None where ours does
            not reach it in half of them.
    """

    backbone: str
    against: str
    figure: str
    races: list[Race]
    ratio: float | None

    @classmethod
    def of(
        cls, backbone: str, against: str, figure: str, sides: Sequence[Side], seconds: float
    ) -> Comparison:
        """Compare the rounds, one by one.

        Args:
            backbone: Name of the backbone.
            against: Plain side to compare ours with.
            figure: What is compared, of `FIGURES`.
            sides: All searches.
            seconds: Time of each.
        """
        of_one = [side for side in sides if side.backbone == backbone]
        ours = {side.round: side.curve(figure) for side in of_one if side.side == OURS}
        plain = {side.round: side.curve(figure) for side in of_one if side.side == against}
        races = [Race.of(plain[number], ours[number], seconds) for number in plain]
        ratio = median(race.ratio or 0.0 for race in races)
        return cls(backbone, against, figure, races, ratio or None)


def run(
    workload: Workload, minutes: float, rounds: int, tuner: Tuner, with_defaults: bool
) -> list[Side]:
    """Let both sides search all backbones of the settings, in turn.

    Args:
        workload: Images and weights that both get.
        minutes: Time of each search, from the start of its process on.
        rounds: Number of rounds; every second one begins with ours.
        tuner: Algorithm of plain Keras Tuner.
        with_defaults: Whether plain Keras Tuner goes once more with TensorFlow's own defaults.

    Raises:
        RuntimeError: A search failed.
    """
    images = workload.folder / "images.npz"
    _write_images(workload, images)
    done = []
    for name in workload.settings.backbones:
        for number in range(1, rounds + 1):
            turns = [PLAIN, OURS][:: 1 if number % 2 else -1]
            if with_defaults and number == 1:
                turns.append(DEFAULTS)
            for side in turns:
                workload.progress.say(f"{BACKBONES[name].title}, round {number}: {side}")
                if side == OURS:
                    done.append(_ours(workload, name, number, minutes))
                else:
                    task = _task(workload, images, name, minutes, tuner, side == DEFAULTS)
                    done.append(_plain(workload, task, side, number))
    return done


def _write_images(workload: Workload, path: Path) -> None:
    manifest = workload.store.manifest
    arrays: dict[str, Any] = {}
    for split in SPLITS:
        rows = np.flatnonzero(manifest["split"] == split)
        arrays[split] = np.asarray(workload.store.images[rows])
        arrays[f"{split}_codes"] = codes_of(manifest)[rows, 0]
    np.savez(path, **arrays)


def _task(
    workload: Workload, images: Path, name: str, minutes: float, tuner: Tuner, own_defaults: bool
) -> PlainTask:
    settings = workload.settings
    return PlainTask(
        images=images, size=settings.size, classes=len(workload.label.classes), backbone=name,
        weights=settings.weights, policy=settings.policy, tuner=tuner, seed=settings.seed,
        seconds=60 * minutes, own_defaults=own_defaults, folder=workload.folder / "plain",
    )  # fmt: skip


def _plain(workload: Workload, task: PlainTask, side: str, number: int) -> Side:
    shutil.rmtree(task.folder, ignore_errors=True)
    task.folder.mkdir()
    path = task.folder / "task.json"
    path.write_text(task.model_dump_json())
    variables = dict(os.environ)
    if task.own_defaults:
        variables = {k: v for k, v in variables.items() if not k.startswith(COMPUTING)}
    command = [sys.executable, "-m", "benchmarks.plain_search", str(path)]
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if ended.returncode:
        last = (ended.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"plain Keras Tuner failed: {last}")
    result = PlainResult.model_validate_json(task.result.read_text())
    better = result.improvements
    if better:
        workload.progress.say(
            f"  {result.trials} trials, {result.epochs} epochs; "
            f"{100 * better[-1].val_accuracy:.2f} % of validation and "
            f"{100 * better[-1].test_accuracy:.2f} % of test images"
        )
    return Side(
        side=side,
        backbone=task.backbone,
        round=number,
        val=[Point(each.seconds, each.val_accuracy) for each in better],
        test=[Point(each.seconds, each.test_accuracy) for each in better],
        seconds=result.seconds,
        facts=result.model_dump(),
    )


def _ours(workload: Workload, name: str, number: int, minutes: float) -> Side:
    """Search by `make tune`, with nothing cached but the decoded images."""
    settings = workload.settings.model_copy(update={"backbones": (name,), "budget": minutes})
    shutil.rmtree(workload.folder / "cache" / "trunk", ignore_errors=True)
    variables = environment(settings, workload.artifacts, workload.folder, f"{name}-round-{number}")
    done = tune(variables, workload.progress.say)
    return Side(
        side=OURS,
        backbone=name,
        round=number,
        val=until(done.trials.get(name, []), 60 * minutes),
        test=until(done.test.get(name, []), 60 * minutes),
        seconds=done.seconds,
        facts={"winner_val": done.val.get(name, []), "variables": _variables()},
    )


def _variables() -> dict[str, str]:
    return {k: v for k, v in sorted(os.environ.items()) if k.startswith(COMPUTING)}


def compare(sides: Sequence[Side], minutes: float) -> list[Comparison]:
    """Compare the sides on each backbone, on validation and on test images.

    Args:
        sides: All searches.
        minutes: Time of each.
    """
    pairs = dict.fromkeys((each.backbone, each.side) for each in sides if each.side != OURS)
    return [
        Comparison.of(name, against, figure, sides, 60 * minutes)
        for name, against in pairs
        for figure in FIGURES
    ]


def content(
    workload: Workload, minutes: float, sides: Sequence[Side], compared: Sequence[Comparison]
) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        workload: Images and weights that both sides got.
        minutes: Time of each search.
        sides: All searches.
        compared: What `compare` returned.
    """
    return {
        **workload.facts(),
        "minutes": minutes,
        "searches": [asdict(replace(side, facts={})) | {"facts": side.facts} for side in sides],
        "compared": [asdict(each) for each in compared],
    }


def table(workload: Workload, minutes: float, compared: Sequence[Comparison]) -> Table:
    """Make a table with a row for each backbone, plain side and figure.

    Args:
        workload: Images and weights that both sides got.
        minutes: Time of each search.
        compared: What `compare` returned.
    """
    rows = Table(
        title=f"{minutes:g} minutes each for plain Keras Tuner and ours: {workload.caption()}, "
        f"{workload.settings.size} px, {workload.settings.policy}",
        caption=f"{workload.facts()['processor']}, {os.cpu_count()} cores; minutes at whose end "
        "ours is ahead or behind, from the start of the processes; the best that plain reaches, "
        "when, and when ours does, empty where never; rounds: "
        f"{len(compared[0].races)}, the one in the middle by the ratio",
    )
    for head in ("backbone", "against", "of"):
        rows.add_column(head, no_wrap=True)
    for head in ("ahead", "behind", "best %", "at s", "ours s", "ratio"):
        rows.add_column(head, justify="right", no_wrap=head not in ("ahead", "behind"))
    for each in compared:
        race = sorted(each.races, key=lambda race: race.ratio or 0.0)[len(each.races) // 2]
        rows.add_row(
            each.backbone, each.against, each.figure, _ranges(race.ahead), _ranges(race.behind),
            "none" if race.plain_best is None else f"{100 * race.plain_best:.2f}",
            _seconds(race.plain_seconds), _seconds(race.our_seconds),
            "" if each.ratio is None else f"{each.ratio:.1f}",
        )  # fmt: skip
    return rows


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f}"


def _ranges(minutes: Sequence[int]) -> str:
    """Minutes as ranges.

    Example:
        >>> _ranges([1, 2, 3, 7])
        '1-3, 7'
    """
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in _runs(minutes)) or "none"


def _runs(minutes: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = None
    for minute in minutes:
        first = minute if first is None else first
        if minute + 1 not in minutes:
            yield first, minute
            first = None


def draw(folder: Path, minutes: float, sides: Sequence[Side]) -> list[Path]:
    """Draw both figures of each backbone over time.

    Args:
        folder: Folder of the PNGs.
        minutes: Time of each search.
        sides: All searches.

    Returns:
        Paths of the PNGs, one for each backbone and figure.
    """
    paths = []
    for name in dict.fromkeys(side.backbone for side in sides):
        of_one = [side for side in sides if side.backbone == name]
        for figure, images in FIGURES.items():
            lines = [
                Line(side.side if side.round == 1 else "", side.curve(figure), _COLORS[side.side])
                for side in of_one
            ]
            path = folder / f"equal-minutes-{name}-{figure}.png"
            title = f"{BACKBONES[name].title}: equal minutes"
            curve_plot.draw(path, lines, 60 * minutes, title, f"correct {images} images, %")
            paths.append(path)
    return paths
