"""Our side: the product's own runner and study, without its early stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.subject import Subject
from benchmarks.timing import Laps, TimedTrial
from tuning.backbones.registry import BACKBONES
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import TrialRecord
from tuning.search import oracles
from tuning.search.context import SearchContext
from tuning.search.presets import PRESETS
from tuning.search.probe import Probe
from tuning.search.study import search
from tuning.search.trial_runner import TrialRunner, search_model
from tuning.training.trial import HEAD_EPOCHS_FACTOR
from tuning.trunk.cache import TrunkCache

_NEVER = 10**6
_CACHE_BYTES = 100 * 10**9


class Ours:
    """One backbone, its trunk cache filled.

    Args:
        subject: images and weights.
        name: of the backbone.
        depths: that will be asked for.
        head_epochs_factor: How many times as many epochs a head alone trains.

    Attributes:
        runner: the product's.
        trunk_seconds: to make it: the model, and where the cache is empty the trunk pass over
            training images in both views and validation images in one.
    """

    def __init__(
        self,
        subject: Subject,
        name: str,
        depths: Sequence[int],
        head_epochs_factor: int = HEAD_EPOCHS_FACTOR,
    ) -> None:
        settings = subject.settings
        self._subject = subject
        self._depths = depths
        self._run = RunFolder(subject.folder / "runs" / name)
        self._studies = 0
        cache = TrunkCache(subject.folder / "cache" / "trunk", _CACHE_BYTES)
        preset = replace(
            PRESETS[settings.preset], patience=_NEVER, head_epochs_factor=head_epochs_factor
        )
        context = SearchContext(self._run, settings, preset, subject.store, cache, subject.progress)
        started = time.perf_counter()
        self._model = search_model(settings, BACKBONES[name], subject.weights[name])
        self.runner = TrialRunner(context, self._model, depths)
        self.trunk_seconds = time.perf_counter() - started

    def plan_seconds(self) -> float:
        """Seconds that the search probes the depths for, once, to plan its trials."""
        started = time.perf_counter()
        probe = Probe(self._model, self._subject.store, self._depths)
        for depth in self._depths:
            probe.training_time(depth, self._subject.images("train"), self._subject.images("val"))
        return time.perf_counter() - started

    def study(
        self,
        depth: int,
        trials: int,
        epochs: int,
        on_trial: Callable[[TimedTrial], None] | None = None,
    ) -> list[TimedTrial]:
        """Run a new study of trials at one depth, to the last of their epochs.

        The first trial has the product's default hyperparameters, the others those that its
        search algorithm chooses. None is stopped for being behind: the runner looks for the best
        trial so far in the backbone's own study, which is empty.

        Raises:
            RuntimeError: a trial failed.
        """
        settings = self._subject.settings
        self._studies += 1
        folder = self._run.study(f"{self._studies}-depth-{depth}")
        folder.make()
        timed: list[TimedTrial] = []
        laps = Laps()

        def finished(record: TrialRecord) -> None:
            timed.append(_timed(record, laps.lap()))
            if on_trial:
                on_trial(timed[-1])

        depths = (depth,) * trials
        oracle = oracles.create(settings.algorithm, depths, epochs, settings.seed, lambda: False)
        search(self.runner.run, folder, oracle, epochs, finished)
        return timed


def _timed(record: TrialRecord, seconds: float) -> TimedTrial:
    result = record.result
    if result is None:
        raise RuntimeError(f"a trial at depth {record.hyperparameters.depth} failed: {record.note}")
    values: dict[str, Any] = dict(record.values)
    epochs = tuple(epoch.seconds for epoch in result.history)
    return TimedTrial(values, result.val_accuracy, result.epochs, seconds, result.seconds, epochs)
