"""From one backbone's weights to its winner: trunk pass, plan, study, refit, evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

from tuning import distribution, presets, study, winner
from tuning.backbones import Backbone
from tuning.files import read_json, write_json
from tuning.model import TransferModel
from tuning.records import Records, TrialRecord
from tuning.run_folder import RunError
from tuning.trial_runner import REFIT, Task, TrialRunner
from tuning.weights import Weights


def search(
    task: Task,
    backbone: Backbone,
    weights: Weights,
    seconds: float | None,
    on_trial: Callable[[], None],
) -> dict[str, Any]:
    """Find, refit, evaluate and save a backbone's winner; what is done already is not done again.

    Args:
        task: run, data, settings.
        backbone: to search.
        weights: its pretrained weights.
        seconds: for all of it, None for no limit.
        on_trial: called after each trial.

    Returns:
        the winner's facts.
    """
    facts = read_json(task.run.winner_facts(backbone.name))
    if facts and task.run.winner(backbone.name).exists():
        return facts
    return _Search(task, backbone, weights, seconds).run(on_trial)


def work(task: Task, backbone: Backbone, weights: Weights) -> None:
    """A worker's share of a backbone's search: trials, as the chief hands them out."""
    _Search(task, backbone, weights, None).run_trials(lambda: None)


class _Search:
    def __init__(
        self, task: Task, backbone: Backbone, weights: Weights, seconds: float | None
    ) -> None:
        self.task = task
        self.backbone = backbone
        self.weights = weights
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.folder = task.run.study(backbone.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.records = Records(self.folder)

    def run(self, on_trial: Callable[[], None]) -> dict[str, Any]:
        plan = self.run_trials(on_trial)
        origin = self._refit(plan["epoch_seconds"])
        return self._finish(origin)

    def run_trials(self, on_trial: Callable[[], None]) -> dict[str, Any]:
        """The study, to its end; returns its plan."""
        depths = [d for d in range(len(self.task.preset.trials)) if d <= self.backbone.max_depth]
        self.runner = TrialRunner(self.task, self.backbone, self.weights, depths)
        plan = self._plan()
        self.task.progress.planned(plan["depths"], self._expected(plan))

        def finished(record: TrialRecord) -> None:
            self.task.progress.trial_done(record, self.records.best())
            on_trial()

        chief = distribution.role() == "chief"
        watch = distribution.reporting(self.records, finished) if chief else nullcontext()
        with watch:
            study.search(
                self.runner.run,
                folder=self.folder,
                algorithm=self.task.settings.algorithm,
                depths=plan["depths"],
                epochs=self.task.preset.epochs,
                seed=self.task.settings.seed,
                out_of_time=self._out_of_time,
                on_trial=finished,
            )
        on_trial()
        return plan

    def _plan(self) -> dict[str, Any]:
        """The study's plan; a study that is taken up again keeps its own."""
        path = self.task.run.plan(self.backbone.name)
        kept = read_json(path)
        if kept:
            return kept
        costs = self.runner.epoch_seconds()
        depths = presets.plan(self.task.preset, costs, self._time_left())
        content = {"depths": list(depths), "epoch_seconds": costs}
        write_json(path, content)
        return content

    def _expected(self, plan: dict[str, Any]) -> list[float]:
        preset, costs, depths = self.task.preset, plan["epoch_seconds"], plan["depths"]
        refit = preset.refit_epochs * costs[max(depths)]
        return [*(presets.trial_seconds(preset, costs, depth) for depth in depths), refit]

    def _refit(self, epoch_seconds: list[float]) -> str:
        """Train the best configuration longer; keep whichever is better on validation images."""
        done = read_json(self.folder / "refit.json")
        if done:
            return done["origin"]
        best = self.records.best()
        if best is None:
            raise RunError(
                f"no trial of {self.backbone.title} succeeded; see {self.task.run.leaderboard}"
            )
        depth = best.hyperparameters.depth
        epochs = presets.refit_epochs(self.task.preset, epoch_seconds[depth], self._time_left())
        result, tail = self.runner.run(best.hyperparameters, epochs, REFIT)
        origin = "refit" if self.records.keep_if_best(result, tail) else "trial"
        self.task.progress.refit_done(result, best)
        write_json(self.folder / "refit.json", {"origin": origin, "result": asdict(result)})
        return origin

    def _finish(self, origin: str) -> dict[str, Any]:
        result = self.records.best()
        assert result is not None
        exact = TransferModel(self.backbone, self.task.settings.size, self.weights)
        return winner.finish(
            self.task.run,
            exact,
            result,
            origin,
            self.runner.statistics,
            self.task.store.images,
            self.task.store.manifest,
            self.task.progress.steps("validation and test images"),
        )

    def _time_left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()

    def _out_of_time(self) -> bool:
        left = self._time_left()
        return left is not None and left <= 0
