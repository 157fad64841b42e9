"""As many minutes for one process and for workers of a local Ray, and what Ray itself costs.

A search decides by the clock what comes next, so runs of different speed do not do the same work.
What they can be compared by is when every backbone has its first winner, which takes the same work
in each, and how many images trained within the time.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.tune_process import environment, tune
from benchmarks.workload import Workload, machine, prepared
from tuning.cluster import connection
from tuning.runs.run_folder import RunFolder
from tuning.runs.settings import Settings
from tuning.runs.timeline import read_timeline

COUNTS = (0, 1, 2)
"""Numbers of workers; 0 for one process without Ray."""

_TAIL = 60_000_000  # bytes: VGG16's last two blocks
_CALLS = 200


@dataclass(frozen=True)
class TimedRun:
    """One whole run, with nothing cached but decoded images.

    Attributes:
        workers: Number of workers, 0 for one process without Ray.
        seconds: Seconds of the whole command.
        first_winners: Seconds until each backbone had a winner, from the run's start.
        trained: Number of images of all legs.
    """

    workers: int
    seconds: float
    first_winners: float
    trained: int


@dataclass(frozen=True)
class Overhead:
    """What Ray costs beside the work.

    Attributes:
        start: Seconds until a local Ray has done its first step.
        empty: Median seconds of a step that does nothing.
        with_tail: The same with 60 MB there and back.
    """

    start: float
    empty: float
    with_tail: float


@dataclass(frozen=True)
class WorkersComparison:
    """One process and workers, medians over the rounds.

    Attributes:
        runs: Runs of all rounds.
        first_winners: Seconds until each backbone had a winner, by number of workers.
        trained: Images of all legs, by number of workers.
        ratio: Seconds of one process until then over those of the most workers.
        trained_ratio: Images of the most workers over those of one process, None where it has none.
        overhead: What Ray costs.
    """

    runs: list[TimedRun]
    first_winners: dict[int, float]
    trained: dict[int, float]
    ratio: float
    trained_ratio: float | None
    overhead: Overhead

    @classmethod
    def of(cls, runs: list[TimedRun], overhead: Overhead) -> WorkersComparison:
        """Take the medians.

        Args:
            runs: Runs with each number of workers.
            overhead: What Ray costs.

        Example:
            >>> runs = [TimedRun(n, 90.0, 40.0 / max(n, 1), 500 * max(n, 1)) for n in COUNTS]
            >>> compared = WorkersComparison.of(runs, Overhead(5.0, 1e-3, 0.2))
            >>> compared.ratio, compared.trained_ratio
            (2.0, 2.0)
        """
        of = {count: [run for run in runs if run.workers == count] for count in COUNTS}
        winners = {count: median(run.first_winners for run in of[count]) for count in COUNTS}
        trained = {count: median(run.trained for run in of[count]) for count in COUNTS}
        one, most = COUNTS[0], COUNTS[-1]
        gained = trained[most] / trained[one] if trained[one] else None
        return cls(runs, winners, trained, winners[one] / winners[most], gained, overhead)


def run(settings: Settings, artifacts: Path, minutes: float, rounds: int) -> WorkersComparison:
    """Do the run by one process, by one worker and by two, in turn.

    Args:
        settings: Settings of the run.
        artifacts: Artifacts of real runs; the runs here lie in a temporary folder in it.
        minutes: Time of each run.
        rounds: Number of rounds; every second one begins with two workers.

    Raises:
        RuntimeError: A run failed, or not every backbone got a winner.
    """
    runs: list[TimedRun] = []
    settings = settings.model_copy(update={"budget": minutes})
    with prepared(settings, artifacts) as workload:
        for number in range(rounds):
            for count in COUNTS[:: -1 if number % 2 else 1]:
                workload.progress.say(f"workers: {count}")
                runs.append(_tune(workload, f"round-{number}-workers-{count}", count))
    return WorkersComparison.of(runs, overhead())


def overhead() -> Overhead:
    """Time a local Ray of one worker."""
    began = time.perf_counter()
    with connection.local(1):
        import ray

        step = ray.remote(_as_it_is)
        ray.get(step.remote(b""))
        start = time.perf_counter() - began
        tail = os.urandom(_TAIL)
        return Overhead(
            start,
            median(_seconds(lambda: ray.get(step.remote(b""))) for _ in range(_CALLS)),
            median(_seconds(lambda: ray.get(step.remote(tail))) for _ in range(_CALLS // 20)),
        )


def _as_it_is(content: bytes) -> bytes:
    return content


def _seconds(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _tune(workload: Workload, name: str, workers: int) -> TimedRun:
    shutil.rmtree(workload.folder / "cache" / "trunk", ignore_errors=True)
    more = {"WORKERS": str(workers)} if workers else {}
    variables = environment(workload.settings, workload.artifacts, workload.folder, name, **more)
    watched = tune(variables, workload.progress.say)
    return timed(watched.run, workload.settings.backbones, workers, watched.seconds)


def timed(run: RunFolder, backbones: Sequence[str], workers: int, seconds: float) -> TimedRun:
    """Read out of a run's timeline what it did.

    Args:
        run: Folder of the run.
        backbones: Names of all backbones.
        workers: Number of workers.
        seconds: Seconds of the whole command.

    Raises:
        RuntimeError: Not every backbone has a winner.
    """
    rows = read_timeline(run)
    first = rows[rows["step"] == "winner"].groupby("backbone")["ended"].min()
    missing = [name for name in backbones if name not in first]
    if missing:
        raise RuntimeError(
            f"with {workers} workers {', '.join(missing)} got no winner: give more --minutes"
        )
    trained = int(rows[rows["step"] == "leg"]["images"].sum())
    return TimedRun(workers, seconds, float(first.max()), trained)


def content(
    settings: Settings, minutes: float, rounds: int, measured: WorkersComparison
) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        settings: Settings of the run.
        minutes: Time of each run.
        rounds: Number of rounds, each with all numbers of workers.
        measured: Comparison that `run` returned.
    """
    facts = {**machine(), "settings": settings.model_dump(), "minutes": minutes, "rounds": rounds}
    return {**facts, **asdict(measured)}


def table(settings: Settings, minutes: float, rounds: int, measured: WorkersComparison) -> Table:
    """Make a table with one row for each number of workers.

    Args:
        settings: Settings of the run.
        minutes: Time of each run.
        rounds: Number of rounds, each with all numbers of workers.
        measured: Comparison that `run` returned.
    """
    cost, facts = measured.overhead, machine()
    rows = Table(
        title=f"{minutes:g} minutes for each number of workers: {', '.join(settings.backbones)}, "
        f"{settings.samples} images, {settings.size} px, preset {settings.preset}",
        caption=f"{facts['processor']}, {facts['cores']} cores; medians over rounds ({rounds}); a "
        f"local Ray has done its first step after {cost.start:.1f} s, an empty step takes "
        f"{1e3 * cost.empty:.1f} ms, one with 60 MB there and back {cost.with_tail:.2f} s",
    )
    for head in ("workers", "all have a winner after s", "images trained"):
        rows.add_column(head, justify="right")
    for count in COUNTS:
        name = str(count) if count else "one process"
        seconds, trained = measured.first_winners[count], measured.trained[count]
        rows.add_row(name, f"{seconds:.1f}", f"{trained:,.0f}")
    gained = measured.trained_ratio
    rows.add_row(
        f"{COUNTS[-1]} against one process",
        f"{measured.ratio:.2f} times as fast",
        "" if gained is None else f"{gained:.2f} times as many",
    )
    return rows
