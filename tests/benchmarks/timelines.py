"""Runs' folders with timelines that tests choose."""

from pathlib import Path

from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import Clock, Hyperparameters, TrialRecord, TrialResult
from tuning.runs.timeline import TimelineRow, add_row

VALUES = {
    "stages": 4, "depth": 1, "grid": 6, "learning_rate": 1e-4, "head_units": 0, "dropout": 0.3,
}  # fmt: skip


def trial(accuracy: float, score: float = 0.1) -> TrialRecord:
    result = TrialResult(
        hyperparameters=Hyperparameters.of(VALUES), score=score, val_accuracy=accuracy, val_auc=0.9,
        val_brier=score, val_loss=0.4, epochs=1.0, seconds=1.0, trained=100,
    )  # fmt: skip
    return TrialRecord(trial="0001", values=VALUES, result=result)


def timeline(folder: Path, *rows: TimelineRow, seconds: float = 0.0) -> RunFolder:
    run = RunFolder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        add_row(run, row)
    run.write_clock(Clock(seconds=seconds))
    return run


def two_backbones(folder: Path) -> RunFolder:
    """Seventy seconds: two passes side by side, a leg, a winner each, a report."""
    row = TimelineRow.of
    return timeline(
        folder,
        row(10, 20, "vgg16", "pass", 100, 500.0, None),
        row(10, 25, "googlenet", "pass", 100, 30.0, None),
        row(26, 36, "vgg16", "leg", 80, 900.0, trial(0.90, 0.08)),
        row(36, 37, "vgg16", "pass", 0, 0.0, trial(0.90, 0.08)),
        row(37, 40, "vgg16", "winner", 40, 100.0, trial(0.92, 0.07)),
        row(40, 50, "googlenet", "winner", 40, 10.0, trial(0.88, 0.09)),
        row(50, 60, "", "report", 0, 0.0, None),
        seconds=70.0,
    )
