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
from tuning.runs.schema import (
    Origin,
    RefitRecord,
    StudyPlan,
    TrainingTime,
    TrialRecord,
    WinnerFacts,
)
from tuning.search import oracles, planning, study, workers
from tuning.search.context import SearchContext
from tuning.search.probe import Probe
from tuning.search.trial_runner import TrialRunner, search_model
from tuning.search.winner import SavedTail, save_winner
from tuning.trunk.image_set import VIEWS

_EVALUATION_START = 10.0  # seconds, to make and save the whole model
_FLOAT32_FACTOR = 3  # times a pass in bfloat16, generously


def search(
    context: SearchContext,
    backbone: Backbone,
    weights: Weights,
    seconds: float | None,
    on_trial: Callable[[], None],
) -> WinnerFacts:
    """Find, refit, evaluate and save a backbone's winner; what is done already is not done again.

    Args:
        context: Run, data and settings.
        backbone: Entry of the registry to search.
        weights: Pretrained weights of the backbone.
        seconds: Time for all of it, None for no limit.
        on_trial: Called after each trial.

    Returns:
        What is known about the winner.

    Raises:
        RunError: No trial succeeded.
        CacheError: The trunk cache's budget or the disk is too small.
    """
    facts = context.run.read_winner(backbone.name)
    if facts:
        return facts
    return _Search(context, backbone, weights, seconds).run(on_trial)


def work(context: SearchContext, backbone: Backbone, weights: Weights) -> None:
    """Do a worker's share of a backbone's search: trials, as the chief hands them out.

    Args:
        context: Run, data and settings.
        backbone: Entry of the registry to search.
        weights: Pretrained weights of the backbone.
    """
    _Search(context, backbone, weights, None).run_trials(lambda: None)


class _Search:
    def __init__(
        self, context: SearchContext, backbone: Backbone, weights: Weights, seconds: float | None
    ) -> None:
        self.context = context
        self.backbone = backbone
        self.weights = weights
        self.settings, self.preset = context.settings, context.preset
        self.deadline = math.inf if seconds is None else time.monotonic() + seconds
        self.study = context.run.study(backbone.name)
        self.study.make()

    def run(self, on_trial: Callable[[], None]) -> WinnerFacts:
        plan = self.run_trials(on_trial)
        self._report_left_out(len(plan.depths))
        return self._finish(self._refit(plan.training_times))

    def run_trials(self, on_trial: Callable[[], None]) -> StudyPlan:
        """Run the study to its end; returns its plan."""
        model = search_model(self.settings, self.backbone, self.weights)
        plan = self._plan(model)
        self.deadline -= plan.evaluation_seconds
        self.runner = TrialRunner(self.context, model, range(max(plan.depths) + 1))
        # Workers wait for it: from here on the trunk cache is complete.
        self.study.write_plan(plan)
        self.context.progress.planned(plan.depths, self._expected(plan))

        def finished(record: TrialRecord) -> None:
            self.context.progress.trial_done(record, self.study.best())
            on_trial()

        epochs, seed = self.preset.epochs, self.settings.seed
        oracle = oracles.create(
            self.settings.algorithm, plan.depths, epochs, seed, lambda: self._is_out_of_time(plan)
        )
        chief = workers.role() == "chief"
        with workers.reporting(self.study, finished) if chief else nullcontext():
            study.search(self.runner.run, self.study, oracle, epochs, finished)
        on_trial()
        return plan

    def _is_out_of_time(self, plan: StudyPlan) -> bool:
        """Whether the next trial would leave no time for a refit."""
        done, times = self.study.trials(), plan.training_times
        depths = plan.depths[: len(done) + 1]
        trial = planning.trial_seconds(self.preset, times, depths[-1])
        refit = planning.least_refit_seconds(times[max(depths)])
        results = [record.result for record in done if record.result]
        slowdown = planning.slowdown(self.preset, times, results)
        return self._time_left() < slowdown * (trial + refit)

    def _plan(self, model: TransferModel) -> StudyPlan:
        """Plan the study; one that is taken up again keeps its own plan."""
        kept = self.study.read_plan()
        if kept:
            return kept
        images = self.context.store.manifest["split"].value_counts()
        possible = range(min(len(self.preset.trials), self.backbone.max_depth + 1))
        probe = Probe(model, self.context.store, self.context.labels, possible)
        held_out = images["val"] + images["test"]
        factor = 1 if self.settings.precision == "float32" else _FLOAT32_FACTOR
        evaluation = _EVALUATION_START + factor * probe.pass_seconds * held_out

        def time_left(depth: int) -> float:
            """Seconds for trials up to a depth, when passes and evaluation are done."""
            trunk = probe.pass_seconds * self._images_to_pass(model, depth)
            return self._time_left() - trunk - evaluation

        times = [probe.training_time(0, images["train"], images["val"])]
        for depth in possible[1:]:
            at_best = [*times, times[-1]]  # deeper ones take longer
            if max(planning.plan_depths(self.preset, at_best, time_left(depth))) < depth:
                break
            times.append(probe.training_time(depth, images["train"], images["val"]))
        depths = planning.plan_depths(self.preset, times, time_left(len(times) - 1))
        return StudyPlan(depths=depths, training_times=tuple(times), evaluation_seconds=evaluation)

    def _images_to_pass(self, model: TransferModel, depth: int) -> int:
        """Number of views that must pass the trunk before trials up to a depth."""
        frozen = range(min(depth + 1, self.backbone.max_depth))
        return sum(
            self.context.cache.count_missing(model, self.context.images(split), frozen, views)
            for split, views in (("train", VIEWS), ("val", VIEWS[:1]))
        )

    def _expected(self, plan: StudyPlan) -> list[float]:
        times, depths = plan.training_times, plan.depths
        refit = planning.training_seconds(times[max(depths)], self.preset.refit_epochs)
        trials = (planning.trial_seconds(self.preset, times, depth) for depth in depths)
        return [*trials, refit, plan.evaluation_seconds]

    def _report_left_out(self, planned: int) -> None:
        left_out = planned - len(self.study.trials())
        # Hyperband takes depths of the plan, not its number of trials.
        if left_out > 0 and self.settings.algorithm != "hyperband":
            self.context.progress.trials_left_out(left_out, planned)

    def _refit(self, times: Sequence[TrainingTime]) -> Origin:
        """Train the best trial on for longer; keep whichever is better on validation images."""
        done = self.study.read_refit()
        if done:
            return done.origin
        best = self.study.best()
        if best is None:
            raise RunError(
                f"no trial of {self.backbone.title} succeeded; see {self.context.run.leaderboard}"
            )
        depth = best.hyperparameters.depth
        epochs = planning.refit_epochs(self.preset, times[depth], self._time_left())
        if not epochs:
            self.context.progress.say("  no time left for a refit: the best trial is the winner")
            return "trial"
        result, tail = self.runner.refit(best.hyperparameters, epochs)
        origin: Origin = "refit" if self.study.keep_if_best(result, tail) else "trial"
        self.context.progress.refit_done(result, best)
        self.study.write_refit(RefitRecord(origin=origin, result=result))
        return origin

    def _finish(self, origin: Origin) -> WinnerFacts:
        result = self.study.best()
        assert result is not None
        tail = SavedTail(result, self.study.best_weights, self.runner.data.statistics)
        self.runner.cross_validate()
        exact = TransferModel(self.backbone, self.settings.size, self.weights)
        progress = self.context.progress.steps("validation and test images")
        return save_winner(self.context, exact, tail, origin, progress)

    def _time_left(self) -> float:
        return self.deadline - time.monotonic()
