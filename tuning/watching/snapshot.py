"""What a run's folder says at one moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel

from data.records import read_record
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import RunConfig, SearchImages, TrialRecord, WinnerFacts
from tuning.runs.status import Activity, RunStatus

WatchedState = Literal["running", "finished", "failed", "interrupted", "stopped", "unfinished"]

_AnyRecord = TypeVar("_AnyRecord", bound=BaseModel)


@dataclass(frozen=True)
class WatchedSearch:
    """One backbone of a run.

    Attributes:
        backbone: Name of the backbone.
        is_begun: Whether its search has begun.
        images: Images that its trials work on by now, None before it is known.
        trials: Its trials, in order, those that go on as well.
        winner: Facts of the winner so far, None before the first.
    """

    backbone: str
    is_begun: bool
    images: SearchImages | None
    trials: tuple[TrialRecord, ...]
    winner: WinnerFacts | None

    @property
    def best(self) -> TrialRecord | None:
        """Trial with the best score so far, None before the first."""
        scored = (trial for trial in self.trials if trial.result)
        return min(scored, key=lambda trial: trial.score, default=None)

    @property
    def is_fine_tuned(self) -> bool:
        """Whether a trial with fine-tuned stages has a leg."""
        return any(trial.result and trial.hyperparameters.depth for trial in self.trials)


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        name: Name of the run.
        state: What its driver does; "stopped" for one that was killed, "unfinished" where nobody
            works on it and nobody has written what became of it.
        config: Settings and data, None while the data set is prepared.
        status: What its driver wrote last, None in runs made before it did.
        searches: Its backbones, in the order of the settings.
        report: Path of the report, None before the first one.
    """

    name: str
    state: WatchedState
    config: RunConfig | None
    status: RunStatus | None
    searches: tuple[WatchedSearch, ...]
    report: Path | None

    @property
    def now(self) -> tuple[Activity, ...]:
        """What is being done, nothing where the driver is gone."""
        return self.status.now if self.status and self.state == "running" else ()

    def leaderboard(self) -> list[tuple[str, TrialRecord]]:
        """Return backbone and record of each trial, best score first, those without one last."""
        trials = [(search.backbone, trial) for search in self.searches for trial in search.trials]
        return sorted(trials, key=lambda row: (row[1].score, row[1].status == "failed"))


class RunReader:
    """Reads a run's folder again and again; files that have not changed are not parsed again.

    Args:
        run: Folder of the run.

    Example:
        >>> import tempfile
        >>> folder = RunFolder(Path(tempfile.mkdtemp(), "faces"))
        >>> RunReader(folder).read().state
        'unfinished'
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._known: dict[Path, tuple[tuple[int, int, int], BaseModel | None]] = {}
        self._updated: float | None = None
        self._changed: float | None = None  # when it was seen to change, by this machine's clock

    def read(self) -> Snapshot:
        """Return what the folder says now."""
        run = self._run
        config, status = self._record(run.config, RunConfig), run.read_status()
        return Snapshot(
            name=run.name,
            state=self._state(status),
            config=config,
            status=status,
            searches=tuple(map(self._search, self._backbones(config))),
            report=run.report if run.metrics.exists() and run.report.exists() else None,
        )

    def _state(self, status: RunStatus | None) -> WatchedState:
        if status is None:
            return "finished" if self._run.metrics.exists() else "unfinished"
        if status.state != "running":
            return status.state
        return "running" if status.is_working(self._silent(status)) else "stopped"

    def _silent(self, status: RunStatus) -> float | None:
        """Time since the driver was seen to write, None where it has not been seen to."""
        if self._updated is not None and status.updated != self._updated:
            self._changed = time.monotonic()
        self._updated = status.updated
        return None if self._changed is None else time.monotonic() - self._changed

    def _backbones(self, config: RunConfig | None) -> Iterator[str]:
        if config:
            yield from config.settings.backbones
        else:
            yield from (study.backbone for study in self._run.studies())

    def _search(self, backbone: str) -> WatchedSearch:
        study = self._run.study(backbone)
        trials = (self._record(path, TrialRecord) for path in study.record_paths())
        return WatchedSearch(
            backbone=backbone,
            is_begun=study.path.is_dir(),
            images=self._record(study.images, SearchImages),
            trials=tuple(trial for trial in trials if trial),
            winner=self._record(self._run.winner_facts(backbone), WinnerFacts),
        )

    def _record(self, path: Path, kind: type[_AnyRecord]) -> _AnyRecord | None:
        try:
            stat = path.stat()
        except (OSError, ValueError):
            return None
        version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if path not in self._known or self._known[path][0] != version:
            self._known[path] = (version, read_record(path, kind))
        record = self._known[path][1]
        return record if isinstance(record, kind) else None
