"""A run's folder: what lies where, and who may write to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from data import Balance, Framing
from data.atomic import read_json, write_json, write_text
from tuning.records import Records, TrialRecord

FORMAT = 1
LEADERBOARD_COLUMNS = (
    "backbone", "trial", "depth", "learning_rate", "head_units", "dropout", "epochs",
    "val_accuracy", "val_auc", "val_brier", "val_loss", "seconds", "status", "note",
)  # fmt: skip


class RunError(RuntimeError):
    """A run that can't be started, continued or read; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """What a user chose for a run; recorded in its folder, and a run goes on only with the same.

    Attributes:
        data: folder or table; "synthetic" for the built-in portraits.
        samples: images to use of it, None for all.
        balance: "natural" or "equal".
        framing: part of each image that is used, of `data.FRAMINGS`; None for the data set's own.
        drop_conflicts: leave out images that contradict their identity's other labels.
        backbones: names, in the order they are searched.
        preset: of `tuning.presets.PRESETS`.
        size: of the square input, pixels.
        budget: minutes for the whole run, None for no limit.
        weights: "imagenet", "none" or a folder.
        algorithm: of `tuning.oracles.ALGORITHMS`.
        seed: of sampling, splits, search and training.
        precision: Keras dtype policy of the search.
    """

    data: str
    samples: int | None
    balance: Balance
    framing: Framing | None
    drop_conflicts: bool
    backbones: tuple[str, ...]
    preset: str
    size: int
    budget: float | None
    weights: str
    algorithm: str
    seed: int
    precision: str

    def environment(self) -> dict[str, str]:
        """The same choices as the variables of `make tune`."""
        return {
            "DATA": self.data,
            "SAMPLES": str(self.samples or 0),
            "BALANCE": self.balance,
            "FRAMING": self.framing or "",
            "DROP_CONFLICTS": str(int(self.drop_conflicts)),
            "BACKBONES": ",".join(self.backbones),
            "PRESET": self.preset,
            "SIZE": str(self.size),
            "BUDGET": "" if self.budget is None else str(self.budget),
            "WEIGHTS": self.weights,
            "ALGORITHM": self.algorithm,
            "SEED": str(self.seed),
            "PRECISION": self.precision.removeprefix("mixed_"),
        }


class RunFolder:
    """`artifacts/runs/<run>`.

    Args:
        path: of the run; made by `begin`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.manifest = path / "manifest.csv"
        self.leaderboard = path / "leaderboard.csv"
        self.metrics = path / "metrics.json"
        self.report = path / "report.html"
        self.tensorboard = path / "tensorboard"
        self.logs = path / "logs"
        self.results = path / "results.md"

    @property
    def name(self) -> str:
        """Of the run, as in `RUN=`."""
        return self.path.name

    def plan(self, backbone: str) -> Path:
        """JSON: the study's trials; written when the trunk cache is complete."""
        return self.study(backbone) / "plan.json"

    def study(self, backbone: str) -> Path:
        """Keras Tuner's folder of a backbone's study."""
        return self.path / "studies" / backbone

    def winner(self, backbone: str) -> Path:
        """The refitted model, written when the backbone's search is complete."""
        return self.path / "winners" / f"{backbone}.keras"

    def winner_facts(self, backbone: str) -> Path:
        """JSON beside the winner, written last."""
        return self.path / "winners" / f"{backbone}.json"

    def predictions(self, backbone: str) -> Path:
        """CSV: row of the manifest, split, label, p_man, for validation and test images."""
        return self.path / "predictions" / f"{backbone}.csv"

    def lock(self) -> FileLock:
        """Held while a process works on the run.

        Raises:
            RunError: another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RunError(
                f"another process is working on run {self.name}; wait for it, or give RUN=<name>"
            ) from None
        return lock

    def begin(self, settings: Settings, facts: dict[str, Any]) -> None:
        """Record settings and facts of data and versions, or check them against what is there.

        Raises:
            RunError: the folder holds a run with other settings or data.
        """
        config = {"format": FORMAT, "settings": asdict(settings), **facts}
        config["settings"]["backbones"] = list(settings.backbones)
        there = read_json(self.config)
        if there is None:
            write_json(self.config, config)
            return
        for part in ("settings", "data"):
            for key, value in config[part].items():
                if there[part].get(key) != value:
                    raise RunError(
                        f"run {self.name} was made with {key}={there[part].get(key)!r}, not "
                        f"{value!r}: use the same, or give another RUN=<name>"
                    )

    def write_leaderboard(self) -> None:
        """Write `leaderboard.csv`: one row a trial, by validation Brier score; failed ones last."""
        rows = [
            _row(folder.name, record)
            for folder in sorted(self.path.glob("studies/*"))
            for record in Records(folder).all()
        ]
        table = pd.DataFrame(rows, columns=list(LEADERBOARD_COLUMNS))
        table = table.sort_values("val_brier", na_position="last", ignore_index=True)
        write_text(self.leaderboard, table.to_csv(index=False))


def _row(backbone: str, record: TrialRecord) -> dict[str, Any]:
    result = asdict(record.result) if record.result else {}
    return {
        **{name: value for name, value in result.items() if name in LEADERBOARD_COLUMNS},
        **asdict(record.hyperparameters),
        "backbone": backbone,
        "trial": record.trial,
        "status": record.status,
        "note": record.note,
    }


def latest_run(runs: Path) -> RunFolder:
    """The run whose metrics were written last.

    Raises:
        RunError: no finished run is there.
    """
    finished = [RunFolder(path.parent) for path in runs.glob("*/metrics.json")]
    if not finished:
        raise RunError(f"no finished run in {runs}: run `make tune` first")
    return max(finished, key=lambda run: run.metrics.stat().st_mtime)
