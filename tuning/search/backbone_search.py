"""From one backbone's weights to its winner: trunk pass, plan, study, refit, evaluation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

from data.atomic import read_json, write_json
from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import TransferModel
from tuning.backbones.weights import Weights
from tuning.runs.run_folder import RunError
from tuning.runs.trial_records import Records, TrialRecord
from tuning.search import presets, study, winner, workers
from tuning.search.presets import Cost
from tuning.search.probe import Probe
from tuning.search.trial_runner import REFIT, Task, TrialRunner, search_model
from tuning.trunk.cache import VIEWS

_EVALUATION_START = 10.0  # seconds, to make and save the whole model
_FLOAT32_COST = 3  # times a pass in bfloat16, generously


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
        self.settings, self.preset = task.settings, task.preset
        self.deadline = math.inf if seconds is None else time.monotonic() + seconds
        self.folder = task.run.study(backbone.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.records = Records(self.folder)

    def run(self, on_trial: Callable[[], None]) -> dict[str, Any]:
        plan = self.run_trials(on_trial)
        self._tell_left_out(len(plan["depths"]))
        origin = self._refit(plan["costs"])
        return self._finish(origin)

    def run_trials(self, on_trial: Callable[[], None]) -> dict[str, Any]:
        """The study, to its end; returns its plan."""
        model = search_model(self.settings, self.backbone, self.weights)
        plan = self._plan(model)
        costs = plan["costs"]
        self.deadline -= plan["evaluation_seconds"]
        self.runner = TrialRunner(self.task, model, range(max(plan["depths"]) + 1))
        # Workers wait for it: from here on the trunk cache is complete.
        write_json(self.task.run.plan(self.backbone.name), plan)
        self.task.progress.planned(plan["depths"], self._expected(plan))

        def finished(record: TrialRecord) -> None:
            self.task.progress.trial_done(record, self.records.best())
            on_trial()

        def out_of_time() -> bool:
            done = self.records.all()
            depths = plan["depths"][: len(done) + 1]
            trial = presets.trial_seconds(self.preset, costs, depths[-1])
            refit = presets.least_refit_seconds(costs[max(depths)])
            pace = presets.pace(self.preset, costs, [one.result for one in done if one.result])
            return self._time_left() < pace * (trial + refit)

        chief = workers.role() == "chief"
        watch = workers.reporting(self.records, finished) if chief else nullcontext()
        with watch:
            study.search(
                self.runner.run,
                folder=self.folder,
                algorithm=self.settings.algorithm,
                depths=plan["depths"],
                epochs=self.preset.epochs,
                seed=self.settings.seed,
                out_of_time=out_of_time,
                on_trial=finished,
            )
        on_trial()
        return plan

    def _plan(self, model: TransferModel) -> dict[str, Any]:
        """The study's plan; a study that is taken up again keeps its own."""
        kept = read_json(self.task.run.plan(self.backbone.name))
        if kept and kept.keys() >= {"depths", "costs", "evaluation_seconds"}:
            return kept | {"costs": [Cost(*cost) for cost in kept["costs"]]}
        images = self.task.store.manifest["split"].value_counts()
        possible = range(min(len(self.preset.trials), self.backbone.max_depth + 1))
        probe = Probe(model, self.task.store, possible)
        held_out = images["val"] + images["test"]
        factor = 1 if self.settings.precision == "float32" else _FLOAT32_COST
        evaluation = _EVALUATION_START + factor * probe.pass_seconds * held_out
        trunk = probe.pass_seconds * (len(VIEWS) * images["train"] + images["val"])
        reserved = trunk + evaluation
        costs = [probe.cost(0, images["train"], images["val"])]
        for depth in possible[1:]:
            at_best = [*costs, costs[-1]]  # deeper ones cost more
            if max(presets.plan(self.preset, at_best, self._time_left() - reserved)) < depth:
                break
            costs.append(probe.cost(depth, images["train"], images["val"]))
        depths = presets.plan(self.preset, costs, self._time_left() - reserved)
        return {"depths": depths, "costs": costs, "evaluation_seconds": evaluation}

    def _expected(self, plan: dict[str, Any]) -> list[float]:
        costs, depths = plan["costs"], plan["depths"]
        refit = presets.training_seconds(costs[max(depths)], self.preset.refit_epochs)
        trials = (presets.trial_seconds(self.preset, costs, depth) for depth in depths)
        return [*trials, refit, plan["evaluation_seconds"]]

    def _tell_left_out(self, planned: int) -> None:
        left_out = planned - len(self.records.all())
        # Hyperband takes depths of the plan, not its number of trials.
        if left_out > 0 and self.settings.algorithm != "hyperband":
            self.task.progress.trials_left_out(left_out, planned)

    def _refit(self, costs: list[Cost]) -> str:
        """Train the best trial on for longer; keep whichever is better on validation images."""
        done = read_json(self.folder / "refit.json")
        if done:
            return done["origin"]
        best = self.records.best()
        if best is None:
            raise RunError(
                f"no trial of {self.backbone.title} succeeded; see {self.task.run.leaderboard}"
            )
        depth = best.hyperparameters.depth
        epochs = presets.refit_epochs(self.preset, costs[depth], self._time_left())
        if not epochs:
            self.task.progress.say("  no time left for a refit: the best trial is the winner")
            return "trial"
        result, tail = self.runner.run(best.hyperparameters, epochs, REFIT)
        origin = "refit" if self.records.keep_if_best(result, tail) else "trial"
        self.task.progress.refit_done(result, best)
        write_json(self.folder / "refit.json", {"origin": origin, "result": asdict(result)})
        return origin

    def _finish(self, origin: str) -> dict[str, Any]:
        result = self.records.best()
        assert result is not None
        exact = TransferModel(self.backbone, self.settings.size, self.weights)
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

    def _time_left(self) -> float:
        return self.deadline - time.monotonic()
