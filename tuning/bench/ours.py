"""Our side: the product's own runner and study, without its early stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras

from tuning.backbones import BACKBONES
from tuning.bench.subject import Subject
from tuning.bench.timing import Laps, TimedTrial
from tuning.cache import TrunkCache
from tuning.presets import PRESETS
from tuning.records import TrialRecord
from tuning.run_folder import RunFolder
from tuning.study import search
from tuning.trial import Hyperparameters, TrialResult
from tuning.trial_runner import REFIT, Task, TrialRunner

_NEVER = 10**6
_CACHE_BYTES = 100 * 10**9


class Ours:
    """One backbone, its trunk cache filled.

    Args:
        subject: images and weights.
        name: of the backbone.
        depths: that will be asked for.

    Attributes:
        runner: the product's.
        trunk_seconds: to make it: the model, and where the cache is empty the trunk pass over
            training images in both views and validation images in one.
    """

    def __init__(self, subject: Subject, name: str, depths: Sequence[int]) -> None:
        self._run = RunFolder(subject.folder / "runs" / name)
        cache = TrunkCache(subject.folder / "trunk", _CACHE_BYTES)
        preset = replace(PRESETS[subject.settings.preset], patience=_NEVER)
        task = Task(self._run, subject.settings, preset, subject.store, cache, subject.progress)
        self._settings = subject.settings
        self._studies = 0
        started = time.perf_counter()
        self.runner = TrialRunner(task, BACKBONES[name], subject.weights[name], depths)
        self.trunk_seconds = time.perf_counter() - started

    def study(
        self,
        depth: int,
        trials: int,
        epochs: int,
        on_trial: Callable[[TimedTrial], object] = id,
    ) -> list[TimedTrial]:
        """Run a new study of trials at one depth, to the last of their epochs.

        The first trial has the product's default hyperparameters, the others those that its
        search algorithm chooses.

        Raises:
            RuntimeError: a trial failed.
        """
        self._studies += 1
        folder = self._run.path / "studies" / f"{self._studies}-depth-{depth}"
        folder.mkdir(parents=True)
        timed: list[TimedTrial] = []
        laps = Laps()

        def finished(record: TrialRecord) -> None:
            timed.append(_timed(record, laps.lap()))
            on_trial(timed[-1])

        search(
            self._whole, folder=folder, algorithm=self._settings.algorithm,
            depths=(depth,) * trials, epochs=epochs, seed=self._settings.seed,
            out_of_time=lambda: False, on_trial=finished,
        )  # fmt: skip
        return timed

    def _whole(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> tuple[TrialResult, keras.Model]:
        """All epochs, as the other side."""
        del name  # one called a refit is never stopped for being behind
        return self.runner.run(hyperparameters, epochs, REFIT)


def _timed(record: TrialRecord, seconds: float) -> TimedTrial:
    result = record.result
    if result is None:
        raise RuntimeError(f"a trial at depth {record.hyperparameters.depth} failed: {record.note}")
    values: dict[str, Any] = dict(record.values)
    epochs = tuple(row["seconds"] for row in result.history)
    return TimedTrial(values, result.val_accuracy, result.epochs, seconds, result.seconds, epochs)
