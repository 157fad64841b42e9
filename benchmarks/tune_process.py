"""`make tune` as a process of its own, and what lies on disk while it works."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.curves import Point
from data.records import read_record
from tuning.inputs import SYNTHETIC
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import WinnerFacts
from tuning.runs.settings import Settings
from tuning.runs.timeline import read_timeline

_OWN = ("WORKERS", "RAY_ADDRESS", "MLFLOW_TRACKING_URI")
_POLL = 0.5  # seconds


def environment(
    settings: Settings, artifacts: Path, folder: Path, run: str, **more: str
) -> dict[str, str]:
    """Return the variables with which `make tune` does a run.

    Args:
        settings: Settings of the run.
        artifacts: Artifacts of real runs, where the synthetic portraits are drawn.
        folder: Artifacts of this one.
        run: Name of the run.
        more: Further variables, such as WORKERS.

    Example:
        >>> settings = Settings(data="faces", backbones=("vgg16",), size=96)
        >>> environment(settings, Path("a"), Path("b"), "mine", BUDGET="2")["BUDGET"]
        '2'
    """
    drawn = artifacts / "datasets" / SYNTHETIC
    inherited = {key: value for key, value in os.environ.items() if key not in _OWN}
    return {
        **inherited,
        **settings.environment(),
        "DATA": str(drawn.resolve()) if settings.data == SYNTHETIC else settings.data,
        "ARTIFACTS": str(folder),
        "RUN": run,
        **more,
    }


@dataclass
class WatchedRun:
    """A run that was done by `make tune`.

    Attributes:
        run: Folder of the run.
        seconds: Seconds from the start of the process to its end.
        ahead: Seconds of the process before the run's own clock started.
        val: By backbone, accuracy of its winner on validation images over time.
        test: The same on test images.
        trials: By backbone, accuracy of its best trial on validation images over time, whether it
            was the winner yet or not.
    """

    run: RunFolder
    seconds: float = 0.0
    ahead: float = 0.0
    val: dict[str, list[Point]] = field(default_factory=dict)
    test: dict[str, list[Point]] = field(default_factory=dict)
    trials: dict[str, list[Point]] = field(default_factory=dict)


def tune(variables: Mapping[str, str], on_winner: Callable[[str], None]) -> WatchedRun:
    """Do a run, and note each winner when it appears.

    All times are from the start of the process: with imports, weights and the opening of the data.

    Args:
        variables: Environment, see `environment`.
        on_winner: Called with a line for each winner.

    Raises:
        RuntimeError: It failed.
        KeyboardInterrupt: The user stopped it, and it has ended.
    """
    watched = WatchedRun(RunFolder.named(Path(variables["ARTIFACTS"], "runs"), variables["RUN"]))
    seen: dict[Path, float] = {}
    log = watched.run.path.parent / f"{watched.run.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tuning"]
    began = time.time()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env={**variables}, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                _note_winners(watched, seen, began, on_winner)
                time.sleep(_POLL)
        except KeyboardInterrupt:
            process.wait()
            raise
        finally:
            watched.seconds = time.time() - began
    _note_winners(watched, seen, began, on_winner)
    if process.returncode:
        raise RuntimeError(f"`make tune` failed: {_last_line(log)}")
    watched.ahead = _ahead(watched.run, began)
    watched.trials = trial_curves(watched.run, watched.ahead)
    return watched


def _ahead(run: RunFolder, began: float) -> float:
    """Seconds between the start of a run's only process and that of the run's clock."""
    rows = read_timeline(run)
    if rows.empty:
        return 0.0
    return run.timeline.stat().st_mtime - began - float(rows["ended"].iloc[-1])


def trial_curves(
    run: RunFolder, ahead: float = 0.0, figure: str = "val_accuracy"
) -> dict[str, list[Point]]:
    """Read a figure of each backbone's best trial over time out of a run's timeline.

    Args:
        run: Folder of the run.
        ahead: Seconds to add to those of the run's own clock, which starts when everything has been
            imported.
        figure: Column of the timeline.
    """
    rows = read_timeline(run)
    scored = rows[rows[figure].notna()]
    return {
        str(name): [
            Point(float(ended) + ahead, float(value))
            for ended, value in zip(of_one["ended"], of_one[figure], strict=True)
        ]
        for name, of_one in scored.groupby("backbone")
    }


def seconds_of(run: RunFolder) -> float:
    """Return the seconds that were worked on a run, over all sessions.

    Args:
        run: Folder of the run.
    """
    status, rows = run.read_status(), read_timeline(run)
    last = 0.0 if rows.empty else float(rows["ended"].max())
    return max(run.read_clock().seconds, status.spent if status else 0.0, last)


def _note_winners(
    watched: WatchedRun,
    seen: dict[Path, float],
    began: float,
    on_winner: Callable[[str], None],
) -> None:
    for path in watched.run.path.glob("winners/*.json"):
        written = path.stat().st_mtime
        if seen.get(path) == written:
            continue
        facts = read_record(path, WinnerFacts)
        if facts is None:
            continue
        seen[path] = written
        val, test = facts.val_accuracy, facts.test_accuracy
        seconds = written - began
        watched.val.setdefault(facts.backbone, []).append(Point(seconds, val))
        watched.test.setdefault(facts.backbone, []).append(Point(seconds, test))
        on_winner(
            f"  {facts.backbone}: {100 * val:.2f} % of validation and {100 * test:.2f} % of test "
            f"images after {seconds / 60:.1f} min"
        )


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no message"
