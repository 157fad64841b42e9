"""What a stop at any minute would have left: the accuracy of all backbones over a whole run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import curve_plot
from benchmarks.busy import busy
from benchmarks.curve_plot import Line
from benchmarks.curves import Point, value_at
from benchmarks.tune_process import environment, seconds_of, trial_curves, tune
from benchmarks.workload import machine
from data.atomic import read_json
from tuning.backbones.registry import BACKBONES
from tuning.progress import Progress
from tuning.report.drawing import COLORS
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.settings import Settings

_WIDTH = 80  # letters of a table, whose title is not wider
_SHOWN = (1, 2, 5, 10, 20, 40, 80, 160)  # minutes; more columns have no room in _WIDTH


@dataclass(frozen=True)
class Anytime:
    """A run, and what is known of it over time.

    Attributes:
        run: Its folder.
        seconds: Seconds that were worked on it.
        val: By backbone, accuracy of its best trial on validation images, 0..1.
        score: By backbone, score that it reached, smaller is better.
        test: By backbone, accuracy of its winner on test images; empty where nobody watched.
    """

    run: RunFolder
    seconds: float
    val: dict[str, list[Point]]
    score: dict[str, list[Point]]
    test: dict[str, list[Point]] = field(default_factory=dict)

    @classmethod
    def of(cls, run: RunFolder, watched: Path | None = None) -> Anytime:
        """Read a run's timeline; it may be worked on.

        Args:
            run: Folder of the run.
            watched: JSON that was written when the run was watched; None, or nothing there, where
                nobody did.

        Raises:
            RunError: It has no timeline, or no trial yet.
        """
        val, score = (trial_curves(run, figure=figure) for figure in ("val_accuracy", "score"))
        if not val:
            raise RunError(f"run {run.name} has no timeline with a trial: see `make tune --help`")
        kept = (read_json(watched) or {}).get("test", {}) if watched else {}
        test = {name: [Point(*point) for point in points] for name, points in kept.items()}
        return cls(run, seconds_of(run), val, score, test)


def run(settings: Settings, artifacts: Path, processes: int) -> Anytime:
    """Do a whole run with nothing cached, idle or beside busy processes.

    Args:
        settings: Settings of the run.
        artifacts: Artifacts of real runs, among which it is put in the end.
        processes: Number of processes that keep a core busy each meanwhile.

    Returns:
        The run, `anytime-idle` or `anytime-busy-2`, with a number where there is one already.

    Raises:
        RuntimeError: The run failed.
        KeyboardInterrupt: The user stopped it; what it has is kept all the same.
    """
    say = Progress(Console(stderr=True, highlight=False)).say
    artifacts.mkdir(parents=True, exist_ok=True)
    name = f"anytime-busy-{processes}" if processes else "anytime-idle"
    kept = _free_name(artifacts / "runs", name)
    with TemporaryDirectory(prefix="bench-", dir=artifacts) as scratch, busy(processes):
        folder = Path(scratch).resolve()
        say(f"{kept.name}: {', '.join(settings.backbones)}, {settings.samples} images")
        say(f"  its log is {folder / 'runs' / kept.name}.log")
        variables = environment(settings, artifacts, folder, kept.name)
        try:
            watched = tune(variables, say)
        finally:
            made = folder / "runs" / kept.name
            if made.exists():
                kept.path.parent.mkdir(exist_ok=True)
                shutil.move(made, kept.path)
    test = {
        name: [Point(point.seconds - watched.ahead, point.value) for point in points]
        for name, points in watched.test.items()
    }
    return replace(Anytime.of(kept), test=test)


def _free_name(runs: Path, name: str) -> RunFolder:
    number, run = 1, RunFolder(runs / name)
    while run.path.exists():
        number += 1
        run = RunFolder(runs / f"{name}-{number}")
    return run


def draw(folder: Path, measured: Anytime) -> list[Path]:
    """Draw accuracy, of winners on test images dashed, and score over time.

    Args:
        folder: Folder of the PNGs.
        measured: The run.

    Returns:
        Paths of the PNGs.
    """
    name, seconds = measured.run.name, measured.seconds
    accuracy, score = (folder / f"{name}-{figure}.png" for figure in ("accuracy", "score"))
    lines = [*_lines(measured.val), *_lines(measured.test, style="--")]
    of = "correct, % (dashed: test images)" if measured.test else "correct, %"
    curve_plot.draw(accuracy, lines, seconds, name, of)
    of = "score (Brier) in hundredths"
    curve_plot.draw(score, _lines(measured.score), seconds, name, of, low_is_good=True)
    return [accuracy, score]


def _lines(curves: dict[str, list[Point]], style: str = "-") -> list[Line]:
    return [
        Line("" if style == "--" else BACKBONES[name].title, points, COLORS[name], style)
        for name, points in curves.items()
    ]


def content(measured: Anytime) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        measured: The run.
    """
    return {
        **machine(),
        "run": measured.run.name,
        "settings": measured.run.read_config().settings.model_dump(),
        "seconds": measured.seconds,
        "val": measured.val,
        "score": measured.score,
        "test": measured.test,
    }


def table(measured: Anytime) -> Table:
    """Make a table with a row for each backbone and a column for some of the minutes.

    Args:
        measured: The run.
    """
    facts, seconds = machine(), measured.seconds
    shown = Table(
        title=f"{measured.run.name}: correct validation images after so many minutes, %",
        caption=f"{facts['processor']}, {facts['cores']} cores; of each backbone's best trial",
        min_width=_WIDTH,
    )
    shown.add_column("backbone", no_wrap=True)
    minutes = [minute for minute in _SHOWN if 60 * minute < seconds]
    for minute in (*minutes, seconds / 60):
        shown.add_column(f"{minute:.3g}", justify="right")
    for name, points in measured.val.items():
        moments = (*(60.0 * minute for minute in minutes), seconds)
        values = (value_at(points, moment) for moment in moments)
        cells = ("" if value is None else f"{100 * value:.1f}" for value in values)
        shown.add_row(BACKBONES[name].title, *cells)
    return shown
