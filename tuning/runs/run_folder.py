"""A run's folder: what lies where, and who may write to it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from data import read_manifest
from data.atomic import read_json, write_json, write_text
from tuning.runs.settings import Settings

FORMAT = 1
_ROWS = "rows"  # in config.json: fingerprint of labels, people and splits


class RunError(RuntimeError):
    """A run that can't be started, continued or read; the message says what to do."""


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


def _rows(manifest: pd.DataFrame) -> str:
    """SHA-256 (hex) of labels, people and splits, row by row."""
    columns = manifest[["label", "identity", "split"]]
    text = columns.to_csv(index=False)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def latest_run(runs: Path) -> RunFolder:
    """The run whose metrics were written last.

    Raises:
        RunError: no finished run is there.
    """
    finished = [RunFolder(path.parent) for path in runs.glob("*/metrics.json")]
    if not finished:
        raise RunError(f"no finished run in {runs}: run `make tune` first")
    return max(finished, key=lambda run: run.metrics.stat().st_mtime)
