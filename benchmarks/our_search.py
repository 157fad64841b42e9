"""Our side: the product's own runner and study, without its early stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from benchmarks.stopwatch import Stopwatch, TimedCache, TimedModel, TimedSteps
from benchmarks.trial_time import Laps, TimedTrial
from benchmarks.workload import Workload
from tuning.backbones.registry import BACKBONES
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import Hyperparameters, TrialRecord
from tuning.runs.study_folder import StudyFolder
from tuning.search import oracles
from tuning.search.context import StepContext
from tuning.search.engine import OwnHands
from tuning.search.presets import PRESETS
from tuning.search.probe import Probe
from tuning.search.steps import Steps, Trained, Training
from tuning.search.study import search
from tuning.training import devices
from tuning.training.trial import HEAD_EPOCHS_FACTOR, TrialConfig

_NEVER = 10**6
_CACHE_BYTES = 100 * 10**9


class OurSearch:
    """One backbone, its trunk cache filled.

    Args:
        workload: Images and weights of the benchmark.
        name: Name of the backbone.
        depths: Fine-tuning depths that will be asked for.
        head_epochs_factor: How many times as many epochs a head alone trains.

    Attributes:
        steps: The product's steps of a search.
        stopwatch: Seconds by part: "trunk", "warm-up", "checkpoint".
        setup_seconds: Seconds to make the model and, where the cache is empty, for the trunk pass
            over training images in both views and validation images in one.
    """

    def __init__(
        self,
        workload: Workload,
        name: str,
        depths: Sequence[int],
        head_epochs_factor: int = HEAD_EPOCHS_FACTOR,
    ) -> None:
        settings, store, progress = workload.settings, workload.store, workload.progress
        self._workload = workload
        self._depths = depths
        self._run = RunFolder(workload.folder / "runs" / name)
        self._studies = 0
        self.stopwatch = Stopwatch()
        cache = TimedCache(workload.folder / "cache" / "trunk", _CACHE_BYTES, self.stopwatch)
        self._head_epochs_factor = head_epochs_factor
        preset = PRESETS[settings.preset]
        context = StepContext(
            settings=settings, preset=preset, labels=(workload.label,), store=store, cache=cache
        )
        started = time.perf_counter()
        with devices.strategy():
            self._model = TimedModel(
                BACKBONES[name], settings.size, workload.weights[name], settings.policy,
                self.stopwatch,
            )  # fmt: skip
        self.steps = TimedSteps(context, self._model, progress, self.stopwatch)
        self.steps.data(depths)
        self.setup_seconds = time.perf_counter() - started

    def plan_seconds(self) -> float:
        """Measure the seconds that the search probes the depths for, once, to plan its trials."""
        started, workload = time.perf_counter(), self._workload
        probe = Probe(self._model, workload.store, (workload.label,), self._depths)
        for depth in self._depths:
            probe.step_time(depth)
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
        search algorithm chooses. None is stopped for being behind.

        Args:
            depth: Fine-tuning depth of all trials, one of those asked for.
            trials: Number of trials, at least 1.
            epochs: Number of epochs of a trial.
            on_trial: Called after each trial.

        Returns:
            The trials, in order.

        Raises:
            RuntimeError: A trial failed.
        """
        settings = self._workload.settings
        self._studies += 1
        path = self._run.study(f"{self._studies}-depth-{depth}").path
        folder = StudyFolder(path)
        folder.make()
        timed: list[TimedTrial] = []
        laps = Laps()

        def finished(record: TrialRecord) -> None:
            timed.append(_timed(record, laps.lap()))
            if on_trial:
                on_trial(timed[-1])

        depths = (depth,) * trials
        oracle = oracles.create(settings.algorithm, depths, epochs, settings.seed, lambda: False)
        search(self._start, folder, oracle, epochs, finished)
        return timed

    def _start(self, hyperparameters: Hyperparameters, epochs: int, name: str) -> Future[Trained]:
        seed, factor = self._workload.settings.seed, self._head_epochs_factor
        config = TrialConfig(epochs, _NEVER, seed, head_epochs_factor=factor)
        hands = OwnHands(self.steps)
        return hands.submit(Steps.train, Training(name, hyperparameters, config))


def _timed(record: TrialRecord, seconds: float) -> TimedTrial:
    result = record.result
    if result is None:
        raise RuntimeError(f"a trial at depth {record.hyperparameters.depth} failed: {record.note}")
    values: dict[str, Any] = dict(record.values)
    epochs = tuple(epoch.seconds for epoch in result.history)
    return TimedTrial(values, result.val_accuracy, result.epochs, seconds, result.seconds, epochs)
