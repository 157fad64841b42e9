"""A run's folder: what lies where, and who may write to it."""

from __future__ import annotations

import hashlib
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from data import Balance, Framing, SplitBy, read_manifest
from data.atomic import read_json, write_json, write_text
from tuning.records import Records, TrialRecord

FORMAT = 1
_ROWS = "rows"  # in config.json: fingerprint of labels, people and splits
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
        labels: what the data's words for the labels mean, "0=man,1=woman"; "" for the usual.
        split: "given" keeps the data set's own parts, "identity" makes new ones.
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
    labels: str = ""
    split: SplitBy = "given"

    def chosen(self) -> dict[str, Any]:
        """What tells the run from others: settings that came later only where they were used."""
        later = {field.name: field.default for field in fields(self) if field.default != MISSING}
        return {k: v for k, v in asdict(self).items() if k not in later or v != later[k]}

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
            "LABELS": self.labels,
            "SPLIT": self.split,
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

    @classmethod
    def named(cls, runs: Path, name: str) -> RunFolder:
        """The run of that name below `runs`.

        Raises:
            RunError: it is a path, which would lead elsewhere.
        """
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise RunError(f"RUN={name!r}: give a name, not a path; runs lie in {runs}")
        return cls(runs / name)

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

    def keeps_copies(self) -> bool:
        """Whether a version began the run that did not look for copies of images."""
        config = read_json(self.config)
        return config is not None and _ROWS not in config["data"]

    def begin(self, settings: Settings, facts: dict[str, Any], manifest: pd.DataFrame) -> None:
        """Record settings, versions and data, or check them against what is there.

        Raises:
            RunError: the folder holds a run with other settings or data.
        """
        config = {"format": FORMAT, "settings": asdict(settings), **facts}
        config["settings"]["backbones"] = list(settings.backbones)
        config["data"][_ROWS] = _rows(manifest)
        there = read_json(self.config)
        if there is None:
            write_json(self.config, config)
        else:
            self._compare(there, config)
        if not self.manifest.exists():
            write_text(self.manifest, manifest.to_csv(index=False))

    def _compare(self, there: dict[str, Any], config: dict[str, Any]) -> None:
        usual = {field.name: field.default for field in fields(Settings)}
        for key, value in config["settings"].items():
            before = there["settings"].get(key, usual[key])
            if before != value:
                raise RunError(
                    f"run {self.name} was made with {key}={before!r}, not {value!r}: use the same, "
                    "or give another RUN=<name>"
                )
        known = {_ROWS: self._rows_then(), **there["data"]}
        if any(known.get(key) not in (value, None) for key, value in config["data"].items()):
            raise RunError(
                f"run {self.name} was made from other images, labels, people or splits than "
                f"{config['settings']['data']} holds now: give another RUN=<name>, or put the data "
                "back as they were"
            )

    def _rows_then(self) -> str | None:
        """For runs whose `config.json` does not say it."""
        try:
            return _rows(read_manifest(self.manifest))
        except (OSError, ValueError, KeyError):
            return None

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


def _rows(manifest: pd.DataFrame) -> str:
    """SHA-256 (hex) of labels, people and splits, row by row."""
    columns = manifest[["label", "identity", "split"]]
    text = columns.to_csv(index=False)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


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
