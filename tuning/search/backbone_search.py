"""From one backbone's weights to its winner: plan, trunk pass, study, refit, evaluation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from tuning.backbones.registry import Backbone
from tuning.backbones.weights import Weights
from tuning.runs.run_folder import RunError
from tuning.runs.schema import (
    Hyperparameters,
    Origin,
    RefitRecord,
    StudyPlan,
    TrainingTime,
    TrialRecord,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.search import doubted_labels, oracles, planning, study
from tuning.search.context import SearchContext
from tuning.search.engine import Engine, Hands
from tuning.search.steps import Steps, Trained, Training
from tuning.search.winner import save_winner
from tuning.training.trial import TrialConfig
from tuning.trunk.image_set import VIEWS

_EVALUATION_START = 10.0  # seconds, to make and save the whole model
_FLOAT32_FACTOR = 3  # times a pass in bfloat16, generously
_PASSES = (("train", VIEWS), ("val", VIEWS[:1]))
"""Views in which the images of each split pass through the trunk."""


def search(
    context: SearchContext,
    engine: Engine,
    backbone: Backbone,
    weights: Weights,
    seconds: float | None,
    on_trial: Callable[[], None],
) -> WinnerFacts:
    """Find, refit, evaluate and save a backbone's winner; what is done already is not done again.

    Args:
        context: Run, data and settings.
        engine: Where it is worked on.
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
    with engine.hands(context, backbone, weights) as hands:
        return _Search(context, hands, backbone, weights, seconds).run(on_trial)


class _Search:
    def __init__(
        self,
        context: SearchContext,
        hands: Hands,
        backbone: Backbone,
        weights: Weights,
        seconds: float | None,
    ) -> None:
        self.context = context
        self.hands = hands
        self.backbone = backbone
        self.weights = weights
        self.settings, self.preset = context.settings, context.preset
        self.deadline = math.inf if seconds is None else time.monotonic() + seconds
        self.study = context.run.study(backbone.name)
        self.study.make()

    def run(self, on_trial: Callable[[], None]) -> WinnerFacts:
        plan = self._plan()
        self.deadline -= plan.evaluation_seconds
        self._fill_cache(range(max(plan.depths) + 1))
        self.study.write_plan(plan)
        self.context.progress.planned(plan.depths, self._expected(plan))
        self.codes = doubted_labels.training_codes(self.context, self.study, self.hands)
        self._run_trials(plan, on_trial)
        self._report_left_out(len(plan.depths))
        return self._finish(self._refit(plan.training_times))

    def _fill_cache(self, depths: Sequence[int]) -> None:
        """Let all images pass through the trunk, in as many places as there are."""
        frozen = [depth for depth in depths if depth < self.backbone.max_depth]
        passes: list[Future[None]] = []
        for split, views in _PASSES:
            count = len(self.context.images(split).shards())
            for shard in range(count) if self.hands.divides_passes else [None]:
                passes.append(self.hands.submit(Steps.make_pass, split, frozen, views, shard))
        for done in passes:
            done.result()

    def _run_trials(self, plan: StudyPlan, on_trial: Callable[[], None]) -> None:
        def finished(record: TrialRecord) -> None:
            self.context.progress.trial_done(record, self.study.best())
            on_trial()

        epochs, seed = self.preset.epochs, self.settings.seed
        oracle = oracles.create(
            self.settings.algorithm, plan.depths, epochs, seed, lambda: self._is_out_of_time(plan)
        )
        study.search(
            self._start_trial, self.study, oracle, epochs, finished, lambda: self.hands.slots
        )
        on_trial()

    def _start_trial(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> Future[Trained]:
        """Have a configuration trained; it stops when it can't beat the best one so far."""
        best = self.study.best()
        config = TrialConfig(
            epochs,
            self.preset.patience,
            self.settings.seed,
            score_to_beat=best.val_brier if best else None,
            head_epochs_factor=self.preset.head_epochs_factor,
        )
        training = Training(name, hyperparameters, config, codes=self.codes)
        return self.hands.submit(Steps.train, training)

    def _is_out_of_time(self, plan: StudyPlan) -> bool:
        """Whether the next trial would leave no time for a refit."""
        done, times = self.study.trials(), plan.training_times
        depths = plan.depths[: len(done) + 1]
        trial = planning.trial_seconds(self.preset, times, depths[-1])
        refit = planning.least_refit_seconds(times[max(depths)])
        results = [record.result for record in done if record.result]
        slowdown = planning.slowdown(self.preset, times, results)
        return self._time_left() < slowdown * (trial + refit)

    def _plan(self) -> StudyPlan:
        """Plan the study; one that is taken up again keeps its own plan."""
        kept = self.study.read_plan()
        if kept:
            return kept
        images = self.context.store.manifest["split"].value_counts()
        possible = range(min(len(self.preset.trials), self.backbone.max_depth + 1))
        measured = self.hands.submit(Steps.measure, 0).result()
        factor = 1 if self.settings.precision == "float32" else _FLOAT32_FACTOR
        held_out = images["val"] + images["test"]
        evaluation = _EVALUATION_START + factor * measured.pass_seconds * held_out

        def time_left(depth: int) -> float:
            """Seconds for trials up to a depth, when passes and evaluation are done."""
            trunk = measured.pass_seconds * self._images_to_pass(depth)
            return self._time_left() - trunk - evaluation

        times = [measured.training]
        for depth in possible[1:]:
            at_best = [*times, times[-1]]  # deeper ones take longer
            if max(planning.plan_depths(self.preset, at_best, time_left(depth))) < depth:
                break
            times.append(self.hands.submit(Steps.measure, depth).result().training)
        depths = planning.plan_depths(self.preset, times, time_left(len(times) - 1))
        return StudyPlan(depths=depths, training_times=tuple(times), evaluation_seconds=evaluation)

    def _images_to_pass(self, depth: int) -> int:
        """Number of views that must pass the trunk before trials up to a depth."""
        frozen = range(min(depth + 1, self.backbone.max_depth))
        return sum(
            self.hands.submit(Steps.count_missing, split, frozen, views).result()
            for split, views in _PASSES
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
        trained = self._train_on(best.hyperparameters, epochs).result()
        kept = self.study.keep_if_best(trained.result, trained.tail)
        origin: Origin = "refit" if kept else "trial"
        self.context.progress.refit_done(trained.result, best)
        self.study.write_refit(RefitRecord(origin=origin, result=trained.result))
        return origin

    def _train_on(self, hyperparameters: Hyperparameters, epochs: int) -> Future[Trained]:
        """Have the best trial trained on from its weights, to the end of all epochs.

        A refit gains most when the learning rate has decayed, so nothing stops it.
        """
        config = TrialConfig(epochs, None, self.settings.seed)
        start = self.study.best_weights.read_bytes()
        return self.hands.submit(
            Steps.train, Training("refit", hyperparameters, config, start, self.codes)
        )

    def _finish(self, origin: Origin) -> WinnerFacts:
        result = self.study.best()
        assert result is not None
        doubted_labels.cross_validate(self.context, self.study, self.hands)
        tail = self.study.best_weights.read_bytes()
        evaluation = self.hands.submit(Steps.evaluate, result, tail).result()
        weights = WeightsOrigin(source=self.weights.source, fingerprint=self.weights.fingerprint)
        return save_winner(self.context, self.backbone.name, weights, result, origin, evaluation)

    def _time_left(self) -> float:
        return self.deadline - time.monotonic()
