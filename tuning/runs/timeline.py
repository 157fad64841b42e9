"""`timeline.csv`: one row a step of a run, when it was worked on and where its backbone then stood.

It says where the time went, and what a stop at any minute would have left.
"""

from __future__ import annotations

import csv
from typing import NamedTuple

import pandas as pd

from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import TrialRecord


class TimelineRow(NamedTuple):
    """One step; its fields are the columns of the CSV.

    Attributes:
        began: Seconds worked on the run, over all sessions, when the step was begun.
        ended: The same when it ended.
        backbone: Name of the backbone.
        step: What was done: "pass", "head", "leg", "winner", or "report" for all backbones.
        images: Number of images that it worked on; what is cached does not pass again.
        gmacs: Billions of multiplications and additions that they take, about.
        trial: Best trial of the backbone by then, empty before the first, as the next four.
        depth: Its fine-tuning depth.
        score: Objective that it reached.
        val_accuracy: Its accuracy on validation images, 0..1.
        trained: Number of its training images.

    Example:
        >>> TimelineRow.of(1.0, 9.5, "vgg16", "pass", 1000, 2600.0, best=None).ended
        9.5
    """

    began: float
    ended: float
    backbone: str
    step: str
    images: int
    gmacs: float
    trial: str
    depth: int | None
    score: float | None
    val_accuracy: float | None
    trained: int | None

    @classmethod
    def of(
        cls,
        began: float,
        ended: float,
        backbone: str,
        step: str,
        images: int,
        gmacs: float,
        best: TrialRecord | None,
    ) -> TimelineRow:
        """Describe a step.

        Args:
            began: Seconds worked on the run when it was begun.
            ended: Seconds worked on the run when it ended.
            backbone: Name of the backbone.
            step: What was done.
            images: Number of images that it worked on.
            gmacs: Billions of multiplications and additions that they take.
            best: Best trial of the backbone by then, None before the first.
        """
        what = (round(began, 2), round(ended, 2), backbone, step, images, round(gmacs, 1))
        if best is None or best.result is None:
            return cls(*what, "", None, None, None, None)
        result = best.result
        depth = result.hyperparameters.depth
        return cls(*what, best.trial, depth, result.score, result.val_accuracy, result.trained)


def add_row(run: RunFolder, row: TimelineRow) -> None:
    """Append a step to a run's timeline.

    Args:
        run: Folder of the run, which exists.
        row: The step.

    Raises:
        OSError: It cannot be written.
    """
    before = run.timeline.read_bytes() if run.timeline.exists() else b""
    with run.timeline.open("a", newline="") as file:
        writer = csv.writer(file)
        if not before:
            writer.writerow(TimelineRow._fields)
        elif not before.endswith(b"\n"):  # a kill cut the last row short
            file.write("\n")
        writer.writerow("" if value is None else value for value in row)


def read_timeline(run: RunFolder) -> pd.DataFrame:
    """Read a run's timeline; rows that a kill cut short are passed over.

    Args:
        run: Folder of the run.

    Returns:
        Table with the columns of `TimelineRow`, empty where nothing was done.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> run = RunFolder(Path(tempfile.mkdtemp()))
        >>> add_row(run, TimelineRow.of(1.0, 9.5, "vgg16", "pass", 1000, 2600.0, best=None))
        >>> with run.timeline.open("a") as file:
        ...     _ = file.write("9.5,12.")
        >>> add_row(run, TimelineRow.of(9.5, 13.0, "vgg19", "pass", 1000, 2600.0, None))
        >>> read_timeline(run)[["backbone", "ended"]].to_dict("records")
        [{'backbone': 'vgg16', 'ended': 9.5}, {'backbone': 'vgg19', 'ended': 13.0}]
    """
    if not run.timeline.exists():
        return pd.DataFrame(columns=list(TimelineRow._fields))
    rows = pd.read_csv(run.timeline, dtype={"trial": str}, keep_default_na=True)
    return rows[rows["images"].notna()]


def minutes_by_step(timeline: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Sum up where the time of a run went: minutes by backbone and kind of step.

    Args:
        timeline: Table as `read_timeline` returns it; steps side by side count each.

    Example:
        >>> steps = [("vgg16", "pass", 0, 60), ("vgg16", "leg", 60, 90), ("vgg16", "leg", 90, 120)]
        >>> table = pd.DataFrame(steps, columns=["backbone", "step", "began", "ended"])
        >>> minutes_by_step(table)
        {'vgg16': {'pass': 1.0, 'leg': 1.0}}
    """
    result: dict[str, dict[str, float]] = {}
    columns = timeline.fillna({"backbone": ""})[["backbone", "step", "began", "ended"]]
    for backbone, step, began, ended in columns.itertuples(index=False):
        of_backbone = result.setdefault(backbone, {})
        of_backbone[step] = of_backbone.get(step, 0.0) + (ended - began) / 60
    return result
