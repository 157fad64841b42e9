"""The same small study by one process and by two workers, through `python -m tuning`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
from rich.table import Table

from benchmarks.our_search import OurSearch
from benchmarks.workload import Workload, machine, prepared
from tuning.backbones.registry import BACKBONES
from tuning.inputs import SYNTHETIC
from tuning.runs.run_folder import RunFolder
from tuning.runs.settings import Settings
from tuning.search.presets import PRESETS

COUNTS = (1, 2)
_NO_LIMIT = "10000"  # minutes: both plans have all trials
_OWN = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


@dataclass(frozen=True)
class StudyRun:
    """One run of the study; the trunk cache was there before.

    Attributes:
        workers: Number of processes that ran trials.
        seconds: Seconds of the whole command: start, trials, refit, evaluation, report.
        trial_seconds: Seconds from the plan, made while the workers start, to the end of the last
            trial.
        trials: Number of trials in the leaderboard by fine-tuning depth.
        completed: Number of them that completed.
    """

    workers: int
    seconds: float
    trial_seconds: float
    trials: dict[int, int]
    completed: int


@dataclass(frozen=True)
class WorkersComparison:
    """One worker and two.

    Attributes:
        runs: Runs of all rounds with one worker and with two.
        seconds: Median seconds of the whole command by number of workers.
        trial_seconds: Median seconds of the trials by number of workers.
        ratio: One worker's `seconds` over two workers'.
        trial_ratio: One worker's `trial_seconds` over two workers'.
    """

    runs: list[StudyRun]
    seconds: dict[int, float]
    trial_seconds: dict[int, float]
    ratio: float
    trial_ratio: float

    @classmethod
    def of(cls, runs: list[StudyRun]) -> WorkersComparison:
        """Take the medians.

        Args:
            runs: Runs with one worker and with two.

        Example:
            >>> one = StudyRun(1, seconds=90.0, trial_seconds=60.0, trials={0: 3}, completed=3)
            >>> two = StudyRun(2, seconds=60.0, trial_seconds=40.0, trials={0: 3}, completed=3)
            >>> WorkersComparison.of([one, two]).ratio
            1.5
        """
        of = {count: [run for run in runs if run.workers == count] for count in COUNTS}
        seconds = {count: median(run.seconds for run in those) for count, those in of.items()}
        trials = {count: median(run.trial_seconds for run in those) for count, those in of.items()}
        one, two = COUNTS
        ratio, trial_ratio = seconds[one] / seconds[two], trials[one] / trials[two]
        return cls(runs, seconds, trials, ratio, trial_ratio)


def run(settings: Settings, artifacts: Path, rounds: int) -> WorkersComparison:
    """Run the study with one worker and with two, in turn.

    Args:
        settings: Settings of the study; its random search gives all runs the same first trials.
        artifacts: Artifacts of real runs; the runs here lie in a temporary folder in it.
        rounds: Number of rounds of both; every second one begins with two workers.

    Raises:
        RuntimeError: A run failed, made its own trunk pass, or its leaderboard lacks trials.
    """
    runs: list[StudyRun] = []
    with prepared(settings, artifacts) as workload:
        say = workload.progress.say
        for name in settings.backbones:
            say(f"workers: filling the trunk cache for all runs, {name}")
            deepest = min(len(PRESETS[settings.preset].trials) - 1, BACKBONES[name].max_depth)
            OurSearch(workload, name, range(deepest + 1))
        filled = _cached(workload.folder)
        for number in range(rounds):
            for count in COUNTS[:: -1 if number % 2 else 1]:
                run_name = f"round-{number}-workers-{count}"
                seconds = _tune(workload, run_name, count)
                runs.append(_read(RunFolder(workload.folder / "runs" / run_name), count, seconds))
                say(f"workers: {count}, {seconds:.0f} s")
        if _cached(workload.folder) != filled:
            raise RuntimeError("the runs did not use the trunk cache that was filled for them")
    _check(runs)
    return WorkersComparison.of(runs)


def _tune(workload: Workload, name: str, workers: int) -> float:
    drawn = workload.artifacts / "datasets" / SYNTHETIC
    synthetic = workload.settings.data == SYNTHETIC
    environment = {key: value for key, value in os.environ.items() if key not in _OWN}
    environment |= {
        **workload.settings.environment(),
        "DATA": str(drawn.resolve()) if synthetic else workload.settings.data,
        "ARTIFACTS": str(workload.folder),
        "RUN": name,
        "WORKERS": str(workers),
        "BUDGET": _NO_LIMIT,
    }
    command = [sys.executable, "-m", "tuning"]
    started = time.perf_counter()
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if ended.returncode:
        last = (ended.stderr.strip() or "no message").splitlines()[-1]
        raise RuntimeError(f"`make tune` with WORKERS={workers} failed: {last}")
    return seconds


def _cached(artifacts: Path) -> dict[str, float]:
    """The activations in the trunk cache, and when they were written."""
    return {path.name: _written(path) for path in artifacts.glob("cache/trunk/*.npy")}


def _read(run: RunFolder, workers: int, seconds: float) -> StudyRun:
    table = pd.read_csv(run.leaderboard)
    planned = min(_written(study.plan) for study in run.studies())
    last = max(_written(path) for study in run.studies() for path in study.record_paths())
    return StudyRun(
        workers, seconds, last - planned,
        dict(sorted(Counter(int(depth) for depth in table["depth"]).items())),
        int((table["status"] == "completed").sum()),
    )  # fmt: skip


def _written(path: Path) -> float:
    return path.stat().st_mtime


def _check(runs: Sequence[StudyRun]) -> None:
    wanted = runs[0].trials
    for run in runs:
        if run.trials != wanted or run.completed != sum(wanted.values()):
            raise RuntimeError(
                f"with {run.workers} workers the leaderboard has trials {run.trials} by depth, "
                f"{run.completed} of them completed, not all of {wanted}"
            )


def content(settings: Settings, rounds: int, measured: WorkersComparison) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        settings: Settings of the study.
        rounds: Number of rounds, each with both numbers of workers.
        measured: Comparison that `run` returned.
    """
    return {**machine(), "settings": settings.model_dump(), "rounds": rounds, **asdict(measured)}


def table(settings: Settings, rounds: int, measured: WorkersComparison) -> Table:
    """Make a table with one row for each number of workers.

    Args:
        settings: Settings of the study.
        rounds: Number of rounds, each with both numbers of workers.
        measured: Comparison that `run` returned.
    """
    rows = Table(
        title=f"Workers on {os.cpu_count()} cores: {', '.join(settings.backbones)}, "
        f"{settings.samples} images, {settings.size} px, preset {settings.preset}",
        caption=f"medians over rounds ({rounds}), trunk cache filled before; trials: from the "
        "plan, made while workers start, to the end of the last trial",
    )
    for head in ("workers", "whole run s", "trials s", "trials completed"):
        rows.add_column(head, justify="right")
    for count in COUNTS:
        completed = next(run.completed for run in measured.runs if run.workers == count)
        rows.add_row(
            str(count), f"{measured.seconds[count]:.1f}", f"{measured.trial_seconds[count]:.1f}",
            str(completed),
        )  # fmt: skip
    rows.add_row("1 over 2", f"{measured.ratio:.2f} times", f"{measured.trial_ratio:.2f} times", "")
    return rows
