"""`leaderboard.csv`: one row a trial of all backbones."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data.atomic import write_text
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import TrialRecord

LEADERBOARD_COLUMNS = (
    "backbone", "trial", "depth", "learning_rate", "head_units", "dropout", "epochs",
    "val_accuracy", "val_auc", "val_brier", "val_loss", "seconds", "status", "note",
)  # fmt: skip


def write_leaderboard(run: RunFolder) -> None:
    """Write `leaderboard.csv`: one row a trial, by validation Brier score; failed ones last.

    Args:
        run: Folder of the run.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> run = RunFolder(Path(tempfile.mkdtemp()))
        >>> values = {"depth": 0, "learning_rate": 1e-3, "head_units": 64, "dropout": 0.3}
        >>> run.study("vgg16").write_trial(TrialRecord(trial="0", values=values, result=None))
        >>> write_leaderboard(run)
        >>> pd.read_csv(run.leaderboard)[["backbone", "depth", "status"]].to_dict("records")
        [{'backbone': 'vgg16', 'depth': 0, 'status': 'failed'}]
    """
    rows = [_row(study.backbone, record) for study in run.studies() for record in study.trials()]
    table = pd.DataFrame(rows, columns=list(LEADERBOARD_COLUMNS))
    table = table.sort_values("val_brier", na_position="last", ignore_index=True)
    write_text(run.leaderboard, table.to_csv(index=False))


def _row(backbone: str, record: TrialRecord) -> dict[str, Any]:
    result = record.result.model_dump() if record.result else {}
    return {
        **{name: value for name, value in result.items() if name in LEADERBOARD_COLUMNS},
        **record.hyperparameters.model_dump(),
        "backbone": backbone,
        "trial": record.trial,
        "status": record.status,
        "note": record.note,
    }
