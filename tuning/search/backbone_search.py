"""From one backbone's weights to its winner: trunk pass, plan, study, refit, evaluation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import TransferModel
from tuning.backbones.weights import Weights
from tuning.runs.run_folder import RunError
from tuning.runs.schema import Cost, Origin, RefitRecord, StudyPlan, TrialRecord, WinnerFacts
from tuning.search import presets, study, winner, workers
from tuning.search.probe import Probe
from tuning.search.trial_runner import Task, TrialRunner, search_model
from tuning.trunk.cache import VIEWS

_EVALUATION_START = 10.0  # seconds, to make and save the whole model
_FLOAT32_COST = 3  # times a pass in bfloat16, generously


def search(
    task: Task,
    backbone: Backbone,
    weights: Weights,
    seconds: float | None,
    on_trial: Callable[[], None],
) -> WinnerFacts:
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
    facts = task.run.read_winner(backbone.name)
    if facts:
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
        self.study = task.run.study(backbone.name)
        self.study.make()

    def run(self, on_trial: Callable[[], None]) -> WinnerFacts:
        plan = self.run_trials(on_trial)
        self._report_left_out(len(plan.depths))
        origin = self._refit(plan.costs)
        return self._finish(origin)

    def run_trials(self, on_trial: Callable[[], None]) -> StudyPlan:
        """Run the study to its end; returns its plan."""
        model = search_model(self.settings, self.backbone, self.weights)
        plan = self._plan(model)
        self.deadline -= plan.evaluation_seconds
        self.runner = TrialRunner(self.task, model, range(max(plan.depths) + 1))
        # Workers wait for it: from here on the trunk cache is complete.
        self.study.write_plan(plan)
        self.task.progress.planned(plan.depths, self._expected(plan))

        def finished(record: TrialRecord) -> None:
            self.task.progress.trial_done(record, self.study.best())
            on_trial()

        def out_of_time() -> bool:
            done = self.study.trials()
            depths = plan.depths[: len(done) + 1]
            trial = presets.trial_seconds(self.preset, plan.costs, depths[-1])
            refit = presets.least_refit_seconds(plan.costs[max(depths)])
            results = [record.result for record in done if record.result]
            pace = presets.pace(self.preset, plan.costs, results)
            return self._time_left() < pace * (trial + refit)

        chief = workers.role() == "chief"
        watch = workers.reporting(self.study, finished) if chief else nullcontext()
        with watch:
            study.search(
                self.runner.run,
                folder=self.study,
                algorithm=self.settings.algorithm,
                depths=plan.depths,
                epochs=self.preset.epochs,
                seed=self.settings.seed,
                out_of_time=out_of_time,
                on_trial=finished,
            )
        on_trial()
        return plan

    def _plan(self, model: TransferModel) -> StudyPlan:
        """Plan the study; one that is taken up again keeps its own plan."""
        kept = self.study.read_plan()
        if kept:
            return kept
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
        return StudyPlan(depths=depths, costs=tuple(costs), evaluation_seconds=evaluation)

    def _expected(self, plan: StudyPlan) -> list[float]:
        costs, depths = plan.costs, plan.depths
        refit = presets.training_seconds(costs[max(depths)], self.preset.refit_epochs)
        trials = (presets.trial_seconds(self.preset, costs, depth) for depth in depths)
        return [*trials, refit, plan.evaluation_seconds]

    def _report_left_out(self, planned: int) -> None:
        left_out = planned - len(self.study.trials())
        # Hyperband takes depths of the plan, not its number of trials.
        if left_out > 0 and self.settings.algorithm != "hyperband":
            self.task.progress.trials_left_out(left_out, planned)

    def _refit(self, costs: Sequence[Cost]) -> Origin:
        """Train the best trial on for longer; keep whichever is better on validation images."""
        done = self.study.read_refit()
        if done:
            return done.origin
        best = self.study.best()
        if best is None:
            raise RunError(
                f"no trial of {self.backbone.title} succeeded; see {self.task.run.leaderboard}"
            )
        depth = best.hyperparameters.depth
        epochs = presets.refit_epochs(self.preset, costs[depth], self._time_left())
        if not epochs:
            self.task.progress.say("  no time left for a refit: the best trial is the winner")
            return "trial"
        result, tail = self.runner.refit(best.hyperparameters, epochs)
        origin: Origin = "refit" if self.study.keep_if_best(result, tail) else "trial"
        self.task.progress.refit_done(result, best)
        self.study.write_refit(RefitRecord(origin=origin, result=result))
        return origin

    def _finish(self, origin: Origin) -> WinnerFacts:
        result = self.study.best()
        assert result is not None
        exact = TransferModel(self.backbone, self.settings.size, self.weights)
        return winner.finish(
            self.task.run,
            exact,
            result,
            origin,
            self.runner.data.statistics,
            self.task.store.images,
            self.task.store.manifest,
            self.task.progress.steps("validation and test images"),
        )

    def _time_left(self) -> float:
        return self.deadline - time.monotonic()
