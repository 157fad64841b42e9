"""The same run by one process and by workers of a local Ray, and what Ray itself costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
from rich.table import Table

from benchmarks.workload import Workload, machine, prepared
from tuning.cluster import connection
from tuning.inputs import SYNTHETIC
from tuning.runs.run_folder import RunFolder
from tuning.runs.settings import Settings

COUNTS = (0, 1, 2)
"""Numbers of workers; 0 for one process without Ray."""

_NO_LIMIT = "10000"  # minutes: all plans have all trials
_OWN = ("WORKERS", "RAY_ADDRESS")
_TAIL = 60_000_000  # bytes: VGG16's last two blocks
_CALLS = 200


@dataclass(frozen=True)
class TimedRun:
    """One whole run, the passes over the images among it.

    Attributes:
        workers: Number of workers, 0 for one process without Ray.
        seconds: Seconds of the whole command.
        trials: Number of trials in the leaderboard of each backbone.
        completed: Number of all that completed.
    """

    workers: int
    seconds: float
    trials: dict[str, int]
    completed: int


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
    """One process and workers.

    Attributes:
        runs: Runs of all rounds.
        seconds: Median seconds of the whole command by number of workers.
        ratio: Seconds of one process over those of the most workers.
        overhead: What Ray costs.
    """

    runs: list[TimedRun]
    seconds: dict[int, float]
    ratio: float
    overhead: Overhead

    @classmethod
    def of(cls, runs: list[TimedRun], overhead: Overhead) -> WorkersComparison:
        """Take the medians.

        Args:
            runs: Runs with each number of workers.
            overhead: What Ray costs.

        Example:
            >>> runs = [TimedRun(count, 90.0 / max(count, 1), {"vgg16": 3}, 3) for count in COUNTS]
            >>> WorkersComparison.of(runs, Overhead(5.0, 1e-3, 0.2)).ratio
            2.0
        """
        of = {count: [run.seconds for run in runs if run.workers == count] for count in COUNTS}
        seconds = {count: median(those) for count, those in of.items()}
        return cls(runs, seconds, seconds[COUNTS[0]] / seconds[COUNTS[-1]], overhead)


def run(settings: Settings, artifacts: Path, rounds: int) -> WorkersComparison:
    """Do the run by one process, by one worker and by two, in turn.

    Args:
        settings: Settings of the run; its random search gives all the same trials.
        artifacts: Artifacts of real runs; the runs here lie in a temporary folder in it.
        rounds: Number of rounds; every second one begins with two workers.

    Raises:
        RuntimeError: A run failed, or its leaderboard lacks trials.
    """
    runs: list[TimedRun] = []
    with prepared(settings, artifacts) as workload:
        for number in range(rounds):
            for count in COUNTS[:: -1 if number % 2 else 1]:
                name = f"round-{number}-workers-{count}"
                shutil.rmtree(workload.folder / "cache" / "trunk", ignore_errors=True)
                seconds = _tune(workload, name, count)
                runs.append(_read(RunFolder(workload.folder / "runs" / name), count, seconds))
                workload.progress.say(f"workers: {count}, {seconds:.0f} s")
    _check(runs)
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


def _tune(workload: Workload, name: str, workers: int) -> float:
    drawn = workload.artifacts / "datasets" / SYNTHETIC
    synthetic = workload.settings.data == SYNTHETIC
    environment = {key: value for key, value in os.environ.items() if key not in _OWN}
    environment |= {
        **workload.settings.environment(),
        "DATA": str(drawn.resolve()) if synthetic else workload.settings.data,
        "ARTIFACTS": str(workload.folder),
        "RUN": name,
        "BUDGET": _NO_LIMIT,
        **({"WORKERS": str(workers)} if workers else {}),
    }
    command = [sys.executable, "-m", "tuning"]
    started = time.perf_counter()
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if ended.returncode:
        last = (ended.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"`make tune` with {workers} workers failed: {last}")
    return seconds


def _read(run: RunFolder, workers: int, seconds: float) -> TimedRun:
    table = pd.read_csv(run.leaderboard)
    counts = {str(name): int(count) for name, count in table["backbone"].value_counts().items()}
    return TimedRun(workers, seconds, counts, int((table["status"] == "completed").sum()))


def _check(runs: Sequence[TimedRun]) -> None:
    wanted = runs[0].trials
    for run in runs:
        if run.trials != wanted or run.completed != sum(wanted.values()):
            raise RuntimeError(
                f"with {run.workers} workers the leaderboard has trials {run.trials}, "
                f"{run.completed} of them completed, not all of {wanted}"
            )


def content(settings: Settings, rounds: int, measured: WorkersComparison) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        settings: Settings of the run.
        rounds: Number of rounds, each with all numbers of workers.
        measured: Comparison that `run` returned.
    """
    return {**machine(), "settings": settings.model_dump(), "rounds": rounds, **asdict(measured)}


def table(settings: Settings, rounds: int, measured: WorkersComparison) -> Table:
    """Make a table with one row for each number of workers.

    Args:
        settings: Settings of the run.
        rounds: Number of rounds, each with all numbers of workers.
        measured: Comparison that `run` returned.
    """
    cost = measured.overhead
    rows = Table(
        title=f"Workers on {os.cpu_count()} cores: {', '.join(settings.backbones)}, "
        f"{settings.samples} images, {settings.size} px, preset {settings.preset}",
        caption=f"medians over rounds ({rounds}), passes included; a local Ray has done its first "
        f"step after {cost.start:.1f} s, an empty step takes {1e3 * cost.empty:.1f} ms, one with "
        f"60 MB there and back {cost.with_tail:.2f} s",
    )
    for head in ("workers", "whole run s", "trials completed"):
        rows.add_column(head, justify="right")
    for count in COUNTS:
        completed = next(run.completed for run in measured.runs if run.workers == count)
        name = str(count) if count else "one process"
        rows.add_row(name, f"{measured.seconds[count]:.1f}", str(completed))
    rows.add_row("one process over 2", f"{measured.ratio:.2f} times", "")
    return rows
