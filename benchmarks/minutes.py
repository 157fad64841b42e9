"""Where each minute of a run went, by backbone and step, and how fast passes and steps were."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from rich.table import Table

from benchmarks.tune_process import seconds_of
from benchmarks.workload import machine
from tuning.backbones.registry import BACKBONES
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.timeline import read_timeline

STEPS = ("pass", "head", "leg", "winner")
START, REPORT, BETWEEN, END = "start", "report", "between steps", "end"
TIMED = ("pass", "leg")
_WIDTH = 80  # letters of a table, whose title is not wider


@dataclass(frozen=True)
class Spent:
    """Where the time of a run went.

    Attributes:
        seconds: Seconds worked on the run, over all sessions.
        steps: By backbone, seconds of each kind of step; of several slots their sum.
        rest: Seconds of what belongs to no backbone: "start" (opening the data, decoding, loading
            weights, up to the first step), the first "report", "between steps" (records, the
            oracle's choice), "end" (the last report).
    """

    seconds: float
    steps: dict[str, dict[str, float]]
    rest: dict[str, float]


@dataclass(frozen=True)
class Speed:
    """How fast one kind of step of one backbone was.

    Attributes:
        backbone: Name of the backbone.
        step: Kind of the step, of `TIMED`.
        images: Number of images, each time counted.
        seconds: Seconds that they took.
        gmacs: Billions of multiplications and additions a second.
        of_peak: Share of the machine's fastest matrix product, 0..1.
    """

    backbone: str
    step: str
    images: int
    seconds: float
    gmacs: float
    of_peak: float


def spent(run: RunFolder) -> Spent:
    """Read where the time of a run went out of its timeline.

    Args:
        run: Folder of the run.

    Raises:
        RunError: It has no timeline.
    """
    rows = read_timeline(run)
    if rows.empty:
        raise RunError(f"run {run.name} has no timeline: `make tune` of this version writes one")
    whole = seconds_of(run)
    took = (rows["ended"] - rows["began"]).groupby([rows["backbone"].fillna(""), rows["step"]])
    sums: dict[Any, float] = took.sum().to_dict()
    backbones = dict.fromkeys(rows["backbone"].dropna().astype(str))
    steps = {name: {s: sums.get((name, s), 0.0) for s in STEPS} for name in backbones}
    start, end = float(rows["began"].min()), whole - float(rows["ended"].max())
    rest = {
        START: start,
        REPORT: sums.get(("", REPORT), 0.0),
        BETWEEN: max(0.0, whole - start - end - _at_work(rows)),
        END: end,
    }
    return Spent(whole, steps, rest)


def _at_work(rows: pd.DataFrame) -> float:
    """Seconds in which any step was worked on."""
    total, until = 0.0, 0.0
    for began, ended in sorted(zip(rows["began"], rows["ended"], strict=True)):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def speeds(run: RunFolder, peak: float) -> list[Speed]:
    """Read the speed of each backbone's passes and legs out of a run's timeline.

    Args:
        run: Folder of the run.
        peak: Billions of multiplications and additions of the machine in a second.
    """
    rows = read_timeline(run)
    rows = rows[rows["images"] > 0]  # what is cached takes a moment
    found = []
    for name in dict.fromkeys(rows["backbone"].dropna().astype(str)):
        for step in TIMED:
            done = rows[(rows["backbone"] == name) & (rows["step"] == step)]
            seconds = float((done["ended"] - done["began"]).sum())
            if seconds:
                images, rate = int(done["images"].sum()), float(done["gmacs"].sum()) / seconds
                found.append(Speed(name, step, images, seconds, rate, rate / peak))
    return found


def content(run: RunFolder, where: Spent, how_fast: list[Speed], peak: float) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        run: Folder of the run.
        where: What `spent` returned.
        how_fast: What `speeds` returned.
        peak: Billions of multiplications and additions of the machine in a second.
    """
    return {
        **machine(),
        "run": run.name,
        "peak_gmacs": peak,
        "spent": asdict(where),
        "speeds": [asdict(speed) for speed in how_fast],
    }


def spent_table(run: RunFolder, where: Spent) -> Table:
    """Make a table of seconds by backbone and step.

    Args:
        run: Folder of the run.
        where: What `spent` returned.
    """
    rest = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in where.rest.items())
    table = Table(
        title=f"Where {where.seconds / 60:.1f} minutes of {run.name} went, seconds",
        caption=f"for no backbone: {rest}",
        min_width=_WIDTH,
    )
    table.add_column("backbone", no_wrap=True)
    for head in (*STEPS, "sum", "%"):
        table.add_column(head, justify="right")
    for name, steps in where.steps.items():
        figures = [*steps.values(), total := sum(steps.values())]
        cells = (f"{seconds:.0f}" for seconds in figures)
        table.add_row(BACKBONES[name].title, *cells, f"{100 * total / where.seconds:.0f}")
    return table


def speed_table(how_fast: list[Speed], peak: float) -> Table:
    """Make a table of the speed of passes and legs.

    Args:
        how_fast: What `speeds` returned.
        peak: Billions of multiplications and additions of the machine in a second.
    """
    facts = machine()
    table = Table(
        title="How fast passes and training steps were",
        caption=f"{facts['processor']}, {facts['cores']} cores; NumPy's product of matrices in "
        f"float32 reaches {peak:.0f} GMAC/s now; a training step is counted as three times its "
        "forward pass, a leg with its scoring",
        min_width=_WIDTH,
    )
    table.add_column("backbone", no_wrap=True)
    table.add_column("step", no_wrap=True)
    for head in ("images", "ms an image", "GMAC/s", "% of peak"):
        table.add_column(head, justify="right")
    for each in how_fast:
        table.add_row(
            BACKBONES[each.backbone].title, each.step, f"{each.images:,}",
            f"{1e3 * each.seconds / each.images:.1f}", f"{each.gmacs:.1f}",
            f"{100 * each.of_peak:.0f}",
        )  # fmt: skip
    return table
