"""`leaderboard.csv`: one row a trial of all backbones."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from data.atomic import write_text
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import TrialRecord


class LeaderboardRow(NamedTuple):
    """One trial; its fields are the columns of the CSV.

    Attributes:
        backbone: Name of the backbone.
        trial: Keras Tuner's identifier of the trial, such as "03".
        stages: Number of stages behind which the head sits.
        depth: Fine-tuning depth, 0 where the head alone was trained.
        grid: Side of the grid over which the head averages its map.
        learning_rate: Learning rate of the fine-tuned stages.
        head_units: Width of the head's hidden layer.
        dropout: Dropout rate of the head.
        epochs: How often each training image was seen, None without a result, as all figures.
        trained: Number of training images.
        score: Objective of the search, by which the rows are sorted, see `TrialResult`.
        val_accuracy: Accuracy on validation images, 0..1; of several labels the mean, as the next
            three.
        val_auc: Area under the ROC curve on validation images.
        val_brier: Brier score on validation images.
        val_loss: Cross-entropy on validation images, nats.
        seconds: Wall time of the training.
        status: Whether the trial may go on, has ended or has failed: "open", "ended", "failed".
        ended: Why it has, in a line; empty while it may go on.

    Example:
        >>> values = {"stages": 4, "depth": 0, "grid": 6, "learning_rate": 1e-4}
        >>> values |= {"head_units": 64, "dropout": 0.3}
        >>> record = TrialRecord(trial="3", values=values, result=None, ended="out of memory")
        >>> row = LeaderboardRow.of("vgg16", record)
        >>> row.head_units, row.val_brier, row.status
        (64, None, 'failed')
    """

    backbone: str
    trial: str
    stages: int
    depth: int
    grid: int
    learning_rate: float
    head_units: int
    dropout: float
    epochs: float | None
    trained: int | None
    score: float | None
    val_accuracy: float | None
    val_auc: float | None
    val_brier: float | None
    val_loss: float | None
    seconds: float | None
    status: str
    ended: str

    @classmethod
    def of(cls, backbone: str, record: TrialRecord) -> LeaderboardRow:
        """Take the figures of a trial from its record.

        Args:
            backbone: Name of the backbone.
            record: Record of the trial.
        """
        chosen, result = record.hyperparameters, record.result
        return cls(
            backbone=backbone,
            trial=record.trial,
            stages=chosen.stages,
            depth=chosen.depth,
            grid=chosen.grid,
            learning_rate=chosen.learning_rate,
            head_units=chosen.head_units,
            dropout=chosen.dropout,
            epochs=result.epochs if result else None,
            trained=result.trained if result else None,
            score=result.score if result else None,
            val_accuracy=result.val_accuracy if result else None,
            val_auc=result.val_auc if result else None,
            val_brier=result.val_brier if result else None,
            val_loss=result.val_loss if result else None,
            seconds=result.seconds if result else None,
            status=record.status,
            ended=record.ended,
        )


def write_leaderboard(run: RunFolder) -> None:
    """Write `leaderboard.csv`: one row a trial, by their score; those without one last.

    Args:
        run: Folder of the run.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> run = RunFolder(Path(tempfile.mkdtemp()))
        >>> values = {"stages": 4, "depth": 0, "grid": 6, "learning_rate": 1e-4}
        >>> values |= {"head_units": 64, "dropout": 0.3}
        >>> record = TrialRecord(trial="0", values=values, result=None, ended="out of memory")
        >>> run.study("vgg16").write_trial(record)
        >>> write_leaderboard(run)
        >>> pd.read_csv(run.leaderboard)[["backbone", "depth", "status"]].to_dict("records")
        [{'backbone': 'vgg16', 'depth': 0, 'status': 'failed'}]
    """
    rows = [
        LeaderboardRow.of(study.backbone, record)
        for study in run.studies()
        for record in study.trials()
    ]
    table = pd.DataFrame(rows, columns=list(LeaderboardRow._fields))
    table = table.sort_values("score", na_position="last", ignore_index=True)
    write_text(run.leaderboard, table.to_csv(index=False))


def read_leaderboard(run: RunFolder) -> pd.DataFrame:
    """Read `leaderboard.csv`, with trials' identifiers as Keras Tuner writes them.

    Args:
        run: Folder of the run.

    Raises:
        OSError: It cannot be read.
    """
    return pd.read_csv(run.leaderboard, dtype={"trial": str, "ended": str})
