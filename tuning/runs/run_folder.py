"""A run's folder: what lies where, and who may write to it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from data.atomic import write_text
from data.labels import is_code_column
from data.records import read_record, write_record
from tuning.runs.schema import Clock, RunConfig, RunMetrics, WinnerFacts
from tuning.runs.settings import Settings
from tuning.runs.status import RunStatus
from tuning.runs.study_folder import StudyFolder


class RunError(RuntimeError):
    """A run that can't be started, continued or read; the message says what to do."""


_EXTENDABLE = ("budget", "preset", "backbones")


class RunFolder:
    """`artifacts/runs/<run>`.

    Args:
        path: Path of the run's folder; `begin` makes it.

    Attributes:
        path: Path of the run's folder.
        config: JSON of settings, data and versions, see `RunConfig`.
        manifest: CSV of the images, see `data.manifest`.
        leaderboard: CSV of all trials, see `tuning.runs.leaderboard`.
        metrics: JSON of the winners, see `RunMetrics`; written when the run is finished.
        report: HTML page of the run's figures and plots.
        results: Markdown table of the winners.
        suspects: CSV of the labels that may be wrong, see `tuning.suspects`.
        tensorboard: Folder of TensorBoard's logs.
        logs: Folder of what worker processes print.
        timeline: CSV of the steps of the run, see `tuning.runs.timeline`.
        clock: JSON of the time worked on the run, see `Clock`.
        status: JSON of what is being done now, see `RunStatus`.
        mlflow: JSON of where the run is logged, see `tuning.tracking`.

    Example:
        >>> RunFolder(Path("artifacts/runs/faces")).winner("vgg16").as_posix()
        'artifacts/runs/faces/winners/vgg16.keras'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        self.manifest = path / "manifest.csv"
        self.leaderboard = path / "leaderboard.csv"
        self.metrics = path / "metrics.json"
        self.report = path / "report.html"
        self.results = path / "results.md"
        self.suspects = path / "suspects.csv"
        self.tensorboard = path / "tensorboard"
        self.logs = path / "logs"
        self.timeline = path / "timeline.csv"
        self.clock = path / "clock.json"
        self.status = path / "status.json"
        self.mlflow = path / "mlflow.json"

    @classmethod
    def named(cls, runs: Path, name: str) -> RunFolder:
        """Return the run of a name.

        Args:
            runs: Folder of all runs.
            name: Name of the run, as in `RUN=`.

        Raises:
            RunError: The name is a path, which would lead elsewhere.

        Example:
            >>> RunFolder.named(Path("artifacts/runs"), "faces").name
            'faces'
        """
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise RunError(f"RUN={name!r}: give a name, not a path; runs lie in {runs}")
        return cls(runs / name)

    @property
    def name(self) -> str:
        """Name of the run, as in `RUN=`."""
        return self.path.name

    def study(self, backbone: str) -> StudyFolder:
        """Return the folder of a backbone's study.

        Args:
            backbone: Name of the backbone.
        """
        return StudyFolder(self.path / "studies" / backbone)

    def studies(self) -> list[StudyFolder]:
        """Return the studies that have been begun, by name."""
        return [StudyFolder(path) for path in sorted(self.path.glob("studies/*"))]

    def winner(self, backbone: str) -> Path:
        """Return the path of the Keras model of the winner so far.

        Args:
            backbone: Name of the backbone.
        """
        return self.path / "winners" / f"{backbone}.keras"

    def winner_facts(self, backbone: str) -> Path:
        """Return the path of the JSON beside the winner, written last, see `WinnerFacts`.

        Args:
            backbone: Name of the backbone.
        """
        return self.path / "winners" / f"{backbone}.json"

    def predictions(self, backbone: str) -> Path:
        """Return the path of the winner's predictions for validation and test images.

        Args:
            backbone: Name of the backbone.

        Returns:
            Path of a CSV with the manifest's row, split, label and p_man.
        """
        return self.path / "predictions" / f"{backbone}.csv"

    def lock(self) -> FileLock:
        """Take the lock that a process holds while it works on the run.

        Raises:
            RunError: Another process holds it.
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

    def read_config(self) -> RunConfig:
        """Read `config.json`.

        Raises:
            RunError: It is missing or damaged, or was written by another version's schema.
        """
        config = read_record(self.config, RunConfig)
        if config is None:
            raise RunError(
                f"{self.config} is missing, damaged or of another version of this program: give "
                "another RUN=<name>"
            )
        return config

    def read_metrics(self) -> RunMetrics:
        """Read `metrics.json`.

        Raises:
            RunError: The run is not finished, or the file is damaged.
        """
        metrics = read_record(self.metrics, RunMetrics)
        if metrics is None:
            raise RunError(
                f"run {self.name} is not finished: `make tune RUN={self.name}` goes on with it"
            )
        return metrics

    def write_metrics(self, metrics: RunMetrics) -> None:
        """Write `metrics.json`.

        Args:
            metrics: What the run reached.
        """
        write_record(self.metrics, metrics)

    def read_winner(self, backbone: str) -> WinnerFacts | None:
        """Read the facts of a winner.

        Args:
            backbone: Name of the backbone.

        Returns:
            The facts, None before the first winner.
        """
        facts = read_record(self.winner_facts(backbone), WinnerFacts)
        return facts if self.winner(backbone).exists() else None

    def winners(self) -> list[WinnerFacts]:
        """Read the facts of all winners so far, best first."""
        paths = sorted(self.path.glob("winners/*.json"))
        winners = filter(None, (self.read_winner(path.stem) for path in paths))
        return sorted(winners, key=lambda facts: facts.score)

    def write_winner(self, facts: WinnerFacts) -> None:
        """Write the facts of a winner, the last of its files.

        Args:
            facts: What is known about the winner.
        """
        write_record(self.winner_facts(facts.backbone), facts)

    def read_clock(self) -> Clock:
        """Read the time worked on the run; none where it was not recorded."""
        return read_record(self.clock, Clock) or Clock()

    def write_clock(self, clock: Clock) -> None:
        """Write the time worked on the run.

        Args:
            clock: Time of all sessions together.
        """
        write_record(self.clock, clock)

    def read_status(self) -> RunStatus | None:
        """Read what is being done now; None where nobody has written it."""
        return read_record(self.status, RunStatus)

    def write_status(self, status: RunStatus) -> None:
        """Write what is being done now.

        Args:
            status: What is being done.
        """
        write_record(self.status, status)

    def check(self, settings: Settings) -> None:
        """Check that the folder's run, if there is one, can go on with these settings.

        A run may be extended: by more time or less, by another preset, by more backbones.

        Args:
            settings: What the user chose.

        Raises:
            RunError: The run has other settings, or was made by another version.
        """
        if self.config.exists():
            self._compare(self.read_config().settings, settings)

    def begin(self, config: RunConfig, manifest: pd.DataFrame) -> None:
        """Record settings, versions and data, checked against what is there.

        Args:
            config: What is to be recorded.
            manifest: Rows of the run's images.

        Raises:
            RunError: The folder holds a run with other data, or one that `check` refuses.
        """
        self.check(config.settings)
        if self.config.exists() and self.read_config().data != config.data:
            raise RunError(
                f"run {self.name} was made from other images, labels, people or splits than "
                f"{config.settings.data} holds now: give another RUN=<name>, or put the data back "
                "as they were"
            )
        write_record(self.config, config)
        if not self.manifest.exists():
            write_text(self.manifest, manifest.to_csv(index=False))

    def _compare(self, before: Settings, now: Settings) -> None:
        settings_before = before.model_dump()
        for name, value in now.model_dump().items():
            if name not in _EXTENDABLE and settings_before[name] != value:
                raise RunError(
                    f"run {self.name} was made with {name}={settings_before[name]!r}, not "
                    f"{value!r}: use the same, or give another RUN=<name>"
                )
        missing = sorted({*before.backbones} - {*now.backbones})
        if missing:
            raise RunError(
                f"run {self.name} has {', '.join(missing)} as well: name them in BACKBONES= too, "
                "or give another RUN=<name>"
            )


def rows_fingerprint(manifest: pd.DataFrame) -> str:
    """Return the SHA-256 (hex) of labels, persons and splits, row by row.

    Args:
        manifest: Images of a run.

    Example:
        >>> rows = pd.DataFrame({"label": [0, 1], "identity": ["a", "b"], "split": "train"})
        >>> rows_fingerprint(rows) == rows_fingerprint(rows[::-1])
        False
    """
    codes = [name for name in manifest if is_code_column(str(name))]
    columns = manifest[[*codes, "identity", "split"]]
    text = columns.to_csv(index=False)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def latest_run(runs: Path) -> RunFolder:
    """Return the run of the newest winner.

    Args:
        runs: Folder of all runs.

    Raises:
        RunError: No run has a winner yet.

    Example:
        >>> import tempfile
        >>> latest_run(Path(tempfile.mkdtemp()))
        Traceback (most recent call last):
            ...
        tuning.runs.run_folder.RunError: no run with a winner in ...: run `make tune` first
    """
    winners = [*runs.glob("*/winners/*.json")]
    if not winners:
        raise RunError(f"no run with a winner in {runs}: run `make tune` first")
    return RunFolder(max(winners, key=lambda path: path.stat().st_mtime).parents[1])
