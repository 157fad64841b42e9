"""From one backbone's weights to its winner: plan, trunk pass, study, refit, evaluation.

Where there are more images than time and disk allow, the study works on a sample of them, and the
refit trains its best trial on all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed

from tuning.backbones.registry import Backbone
from tuning.backbones.weights import Weights
from tuning.runs.run_folder import RunError
from tuning.runs.schema import (
    BackboneCosts,
    Hyperparameters,
    RefitRecord,
    SearchImages,
    StudyPlan,
    TrialRecord,
    TrialResult,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.search import doubted_labels, oracles, planning, sizing, study
from tuning.search.context import SearchContext
from tuning.search.engine import Engine, Hands
from tuning.search.followed import FollowedHands
from tuning.search.sizing import RefitWay
from tuning.search.steps import Measured, Refit, Steps, Trained, Training
from tuning.search.winner import TrainedOn, save_winner
from tuning.training.early_stopping import DivergedError
from tuning.training.legs import Checkpoint
from tuning.training.trial import TrialConfig
from tuning.trunk.image_set import VIEWS, View

_EVALUATION_START = 10.0  # seconds, to make and save the whole model
_FLOAT32_FACTOR = 3  # times a pass in bfloat16, generously
_PART_SECONDS = 600.0  # of a refit, until its checkpoint is kept
_WORTH_SAYING = 1800.0  # seconds


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
        room = context.cache.room() // min(engine.slots, len(context.settings.backbones))
        followed = FollowedHands(hands, context.progress)
        return _Search(context, followed, backbone, weights, seconds, room).run(on_trial)


class _Search:
    def __init__(
        self,
        context: SearchContext,
        hands: Hands,
        backbone: Backbone,
        weights: Weights,
        seconds: float | None,
        room: int,
    ) -> None:
        self.context = context
        self.room = room  # of the trunk cache, for backbones that are searched side by side
        self.hands = hands
        self.backbone = backbone
        self.weights = weights
        self.settings, self.preset = context.settings, context.preset
        self.deadline = math.inf if seconds is None else time.monotonic() + seconds
        self.all = context.all_images(backbone.max_depth)
        self.study = context.run.study(backbone.name)
        self.study.make()

    def run(self, on_trial: Callable[[], None]) -> WinnerFacts:
        plan = self._plan()
        self.images = plan.images or self.all
        self.deadline -= plan.evaluation_seconds
        self._say_images(plan)
        self._say_time(plan)
        self._fill_cache(self.images, range(max(plan.depths) + 1))
        self.study.write_plan(plan)
        self.context.progress.planned(plan.depths, self._expected(plan))
        self.codes = doubted_labels.training_codes(
            self.context, self.study, self.hands, self.images
        )
        self._run_trials(plan, on_trial)
        self._report_left_out(len(plan.depths))
        return self._finish(self._refit(plan))

    def _fill_cache(self, images: SearchImages, depths: Sequence[int]) -> None:
        """Let images pass through the trunk, in as many places as there are."""
        passes: list[Future[None]] = []
        for split, count, kept, views in passes_of(images, depths):
            shards = len(self.context.images(split, count).shards())
            for shard in range(shards) if self.hands.divides_passes else [None]:
                passes.append(self.hands.submit(Steps.make_pass, split, kept, views, shard, count))
        if self.hands.divides_passes:  # this process shows its own, image by image
            show = self.context.progress.steps("trunk, shards of images")
            for done, a_pass in enumerate(as_completed(passes), 1):
                a_pass.result()
                show(done, len(passes))
        for a_pass in passes:
            a_pass.result()

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
        training = Training(name, hyperparameters, config, self.images, codes=self.codes)
        return self.hands.submit(Steps.train, training)

    def _is_out_of_time(self, plan: StudyPlan) -> bool:
        """Whether the next trial would leave no time for a refit."""
        done, times = self.study.trials(), plan.training_times
        depths = plan.depths[: len(done) + 1]
        trial = planning.trial_seconds(self.preset, times, depths[-1])
        refit = planning.least_refit_seconds(times[max(depths)])
        if plan.refit_seconds is not None and max(depths) == max(plan.depths):
            refit = plan.refit_seconds
        results = [record.result for record in done if record.result]
        slowdown = planning.slowdown(self.preset, times, results)
        return self._time_left() < slowdown * (trial + refit)

    def _plan(self) -> StudyPlan:
        """Plan the study; one that is taken up again keeps its own plan."""
        kept = self.study.read_plan()
        if kept:
            return kept
        measured = self.hands.submit(Steps.measure, 0).result()
        images = self.context.store.manifest["split"].value_counts()
        factor = 1 if self.settings.policy == "float32" else _FLOAT32_FACTOR
        held_out = images["val"] + images["test"]
        evaluation = _EVALUATION_START + factor * measured.pass_seconds * held_out
        costs = self._costs(measured, evaluation)
        found = sizing.choose(self.preset, costs, self._time_left() - evaluation)
        return StudyPlan(
            depths=found.depths,
            training_times=sizing.training_times(costs, found.images),
            evaluation_seconds=evaluation,
            images=found.images,
            refit_seconds=found.refit_seconds,
            measured=costs,
        )

    def _costs(self, measured: Measured, evaluation: float) -> BackboneCosts:
        """Measure the backbone at each depth that trials can reach, from depth 0."""
        costs = BackboneCosts(
            train=self.all.train,
            val=self.all.val,
            pass_seconds=measured.pass_seconds,
            steps=(measured.step,),
            bytes=measured.bytes,
            room=self.room,
            missing=self._missing(0),
        )
        for depth in range(1, min(len(self.preset.trials), self.backbone.max_depth + 1)):
            missing = self._missing(depth)
            steps = (*costs.steps, costs.steps[-1])  # deeper ones take longer
            at_best = costs.model_copy(update={"steps": steps, "missing": missing})
            found = sizing.choose(self.preset, at_best, self._time_left() - evaluation)
            if max(found.depths) < depth:
                break
            steps = (*costs.steps, self.hands.submit(Steps.measure, depth).result().step)
            costs = at_best.model_copy(update={"steps": steps})
        return costs

    def _missing(self, depth: int) -> float:
        """Share of the passes for trials up to a depth that the cache does not hold."""
        if math.isinf(self.deadline):
            return 1.0  # the plan is the same whatever they take
        missing = sum(
            self.hands.submit(Steps.count_missing, split, depths, views, count).result()
            for split, count, depths, views in passes_of(self.all, range(depth + 1))
        )
        return missing / (len(VIEWS) * self.all.train + self.all.val)

    def _say_images(self, plan: StudyPlan) -> None:
        """Say on which images the study works, where not on all with all that is frozen cached."""
        images, say = self.images, self.context.progress.say
        frozen = range(min(max(plan.depths) + 1, self.backbone.max_depth))
        plain = [depth for depth in frozen if images.cached(depth) == 1]
        pixels = [depth for depth in frozen if depth and not images.cached(depth)]
        gigabytes = f"CACHE_GB={self.context.cache.budget / 1e9:g}"
        parts = [f"search on {images.train:,} of {self.all.train:,} training images"]
        if plain:
            parts.append(f"{_depths(plain)} without mirrored views ({gigabytes})")
        if pixels:
            parts.append(f"{_depths(pixels)} from pixels ({gigabytes})")
        if images.train < self.all.train:
            parts.append("then all images")
        if len(parts) > 1:
            say("  " + "; ".join(parts))

    def _say_time(self, plan: StudyPlan) -> None:
        """Say how long it will take where nothing limits it, or that its limit is too short."""
        *trials, refit, evaluation = self._expected(plan)
        costs = plan.measured
        passes = sizing.pass_seconds(costs, self.images) if costs else 0.0
        parts = {
            "passes": passes, "trials": sum(trials), "training on all images": refit,
            "evaluation": evaluation,
        }  # fmt: skip
        total, say = sum(parts.values()), self.context.progress.say
        least = passes + trials[0] + evaluation
        if math.isinf(self.deadline) and total >= _WORTH_SAYING:
            each = ", ".join(f"{name} {_duration(seconds)}" for name, seconds in parts.items())
            say(f"  about {_duration(total)}: {each}")
        elif self._time_left() + plan.evaluation_seconds < least:
            say(
                f"  the time is too short: passes, one trial of the head and the evaluation take "
                f"about {_duration(least)}, and are done all the same"
            )

    def _expected(self, plan: StudyPlan) -> list[float]:
        times, depths = plan.training_times, plan.depths
        way = self._refit_way(plan, max(depths), math.inf)
        refit = way.pass_seconds + planning.training_seconds(way.time, self.preset.refit_epochs)
        trials = (planning.trial_seconds(self.preset, times, depth) for depth in depths)
        return [*trials, refit, plan.evaluation_seconds]

    def _report_left_out(self, planned: int) -> None:
        left_out = planned - len(self.study.trials())
        # Hyperband takes depths of the plan, not its number of trials.
        if left_out > 0 and self.settings.algorithm != "hyperband":
            self.context.progress.trials_left_out(left_out, planned)

    def _refit(self, plan: StudyPlan) -> RefitRecord | None:
        """Train the best trial on, on all images; keep whichever is better on validation images."""
        done = self.study.read_refit()
        if done:
            return done
        best = self.study.best()
        if best is None:
            raise RunError(
                f"no trial of {self.backbone.title} succeeded; see {self.context.run.leaderboard}"
            )
        scoring = self._scoring_seconds(plan)
        way = self._refit_way(plan, best.hyperparameters.depth, self._time_left() - scoring)
        train_on = self._in_legs if best.hyperparameters.depth or not way.views else self._head
        try:
            found = train_on(best, way, self._time_left() - scoring)
        except DivergedError as error:
            self.context.progress.say(f"  the refit failed: {error}", style="red")
            return None
        if found is None:
            self.context.progress.say("  no time left for a refit: the best trial is the winner")
            return None
        return self._keep_better(best, *found)

    def _keep_better(self, best: TrialResult, trained: Trained, epochs: float) -> RefitRecord:
        """Compare a refit with the best trial, on all validation images."""
        result = trained.result
        assert trained.tail is not None, "a refit has no score to beat"
        if self.images.val < self.all.val:
            start = self.study.best_weights.read_bytes()
            before = self.hands.submit(Steps.score, best, start)
            after = self.hands.submit(Steps.score, result, trained.tail)
            best, result = before.result(), after.result()
        kept_before = self.study.best()  # by a session that was killed a moment later
        kept = self.study.keep_if_best(result, trained.tail, best) or (
            kept_before is not None and kept_before.history == result.history
        )
        record = RefitRecord(
            origin="refit" if kept else "trial",
            result=result,
            images=self.all.train,
            epochs=epochs,
            trial=best,
        )
        self.context.progress.refit_done(result, best)
        self.study.write_refit(record)
        return record

    def _head(
        self, best: TrialResult, way: RefitWay, seconds: float
    ) -> tuple[Trained, float] | None:
        """Train a head on, on pooled features of all images, to the end of all epochs."""
        left = seconds - way.pass_seconds
        epochs = planning.refit_epochs(self.preset, way.time, left)
        if not epochs:
            return None
        images = self._all_cached(0, way.views)
        config = TrialConfig(epochs, None, self.settings.seed)
        start = self.study.best_weights.read_bytes()
        training = Training("refit", best.hyperparameters, config, images, start, self.codes)
        trained = self.hands.submit(Steps.train, training).result()
        return trained, float(epochs * config.head_epochs_factor)

    def _in_legs(
        self, best: TrialResult, way: RefitWay, seconds: float
    ) -> tuple[Trained, float] | None:
        """Train a tail on, in legs; a part that is done is kept, whatever happens to the next.

        A refit gains most when the learning rate has decayed, so nothing stops it before its end.
        """
        checkpoint = self.study.read_checkpoint()
        kept = Checkpoint.from_bytes(checkpoint) if checkpoint else None
        most = self.preset.refit_epochs
        plan = kept.plan if kept else sizing.refit_plan(self.all.train, way, most, seconds)
        if plan is None:
            return None
        depth = best.hyperparameters.depth
        images = self._all_cached(depth, plan.views)
        start, seed = self.study.best_weights.read_bytes(), self.settings.seed
        refit = Refit(best.hyperparameters, images, plan, seed, start, self.codes)
        while True:
            part = self.hands.submit(Steps.train_on, refit, checkpoint, _PART_SECONDS).result()
            if part.trained:
                return part.trained, plan.epochs
            checkpoint = part.checkpoint
            self.study.write_checkpoint(checkpoint)

    def _all_cached(self, depth: int, views: int) -> SearchImages:
        """Let all training images pass in so many views at one depth, unless the search has."""
        kept = tuple(views if at == depth else 0 for at in range(depth + 1))
        images = SearchImages(train=self.all.train, val=self.images.val, views=kept)
        if self.images.train < self.all.train or self.images.cached(depth) < views:
            self._fill_cache(images, [depth])
        return images

    def _refit_way(self, plan: StudyPlan, depth: int, seconds: float) -> RefitWay:
        if plan.measured is None:  # an earlier version's: all images, cached
            return RefitWay(self.images.cached(depth), plan.training_times[depth])
        epochs = self.preset.refit_epochs
        return sizing.refit_way(plan.measured, self.images, depth, epochs, seconds)

    def _scoring_seconds(self, plan: StudyPlan) -> float:
        """Time to score trial and refit on all validation images, where trials had a sample."""
        if plan.measured is None or self.images.val == self.all.val:
            return 0.0
        return 2 * plan.measured.pass_seconds * self.all.val

    def _finish(self, refit: RefitRecord | None) -> WinnerFacts:
        result = self.study.best()
        assert result is not None
        doubted_labels.cross_validate(self.context, self.study, self.hands, self.images)
        tail = self.study.best_weights.read_bytes()
        evaluation = self.hands.submit(Steps.evaluate, result, tail).result()
        weights = WeightsOrigin(source=self.weights.source, fingerprint=self.weights.fingerprint)
        return save_winner(
            self.context, self.backbone.name, weights, result, evaluation, self._trained_on(refit)
        )

    def _trained_on(self, refit: RefitRecord | None) -> TrainedOn:
        searched = self.images.train
        if refit is None or refit.origin == "trial":
            return TrainedOn("trial", searched, searched)
        seen = self.all.train if refit.epochs is None else refit.epochs * self.all.train
        return TrainedOn("refit", searched, min(self.all.train, round(seen)))

    def _time_left(self) -> float:
        return self.deadline - time.monotonic()


def passes_of(
    images: SearchImages, depths: Sequence[int]
) -> list[tuple[str, int, list[int], tuple[View, ...]]]:
    """Return the passes through the trunk that fill the cache.

    Args:
        images: Images, and what is to be cached of them.
        depths: Fine-tuning depths that are wanted.

    Returns:
        Split, number of images, depths and views of each.

    Example:
        >>> passes_of(SearchImages(train=8000, val=1000, views=(2, 1, 0)), range(3))
        [('train', 8000, [0, 1], ('plain',)), ('train', 8000, [0], ('mirrored',)),
        ('val', 1000, [0, 1], ('plain',))]
    """
    both = [depth for depth in depths if images.cached(depth) == len(VIEWS)]
    plain = [depth for depth in depths if images.cached(depth)]
    passes: list[tuple[str, int, list[int], tuple[View, ...]]] = []
    if both == plain:
        passes.append(("train", images.train, both, VIEWS))
    else:
        passes.append(("train", images.train, plain, VIEWS[:1]))
        passes.append(("train", images.train, both, VIEWS[1:]))
    passes.append(("val", images.val, plain, VIEWS[:1]))
    return [a_pass for a_pass in passes if a_pass[2]]


def _depths(depths: Sequence[int]) -> str:
    return f"depth {depths[0]}" if len(depths) == 1 else f"depths {', '.join(map(str, depths))}"


def _duration(seconds: float) -> str:
    """A time as people say it: "40 min", "3.5 h"."""
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{max(1, round(seconds / 60))} min"
