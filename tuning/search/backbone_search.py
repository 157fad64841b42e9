"""The search of one backbone: what it would do next, and what has come of it.

It begins with heads on a sample of the training images, of which the best is the first winner. Then
the sample grows as far as the time allows, the stages below the best head are fine-tuned, and the
winner follows the best trial. Each step is decided from what this run has measured so far, so that
it may end after any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import numpy as np

from tuning.backbones.registry import Backbone
from tuning.backbones.weights import Weights
from tuning.runs.run_folder import RunError
from tuning.runs.schema import (
    Hyperparameters,
    SearchImages,
    TrialRecord,
    TunerValues,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.search import doubted_labels, known_ground, oracles, racing
from tuning.search.context import SearchContext
from tuning.search.engine import Hands
from tuning.search.gains import Gains
from tuning.search.offers import Offer, Turn
from tuning.search.passes import Passes
from tuning.search.steps import Head, Pass, Steps, Tail, Trained, Training
from tuning.search.study import Study
from tuning.search.timings import Kind, Timings
from tuning.search.winner import Evaluation, save_winner
from tuning.training.validation import DivergedError

_FIRST = 1000  # training images of the first sample
_LEAST = 250  # of one for which time is short
_KEPT_HEADS = 2  # that are solved again when the sample grows
_SHARE = 1 / 3  # of a backbone's time, for passes before its fine-tuning
_LEG_SECONDS = 90.0
_WINNER_SHARE = 0.05  # of the time of trainings, to bring the winner up to date
_MOST_FAILURES = 3  # trainings in a row


class BackboneSearch:
    """One backbone's search; it writes the backbone's part of the run's folder.

    Args:
        context: Run, data and settings.
        hands: Who works on its steps.
        backbone: Entry of the registry to search.
        weights: Pretrained weights of the backbone.
        timings: How long steps take, of all backbones.
        on_change: Called behind each leg and each winner.

    Attributes:
        name: Name of the backbone.
        hands: Who works on its steps.
        winner: What is known about its winner, None before the first.
        running: Number of its steps that are worked on.
    """

    def __init__(
        self,
        context: SearchContext,
        hands: Hands,
        backbone: Backbone,
        weights: Weights,
        timings: Timings,
        on_change: Callable[[], None],
    ) -> None:
        self.name = backbone.name
        self.hands = hands
        self.running = 0
        self.winner: WinnerFacts | None = context.run.read_winner(backbone.name)
        self._context, self._backbone, self._weights = context, backbone, weights
        self._timings, self._on_change = timings, on_change
        self._layout = hands.submit(Steps.layout).result()
        self._proposal: TunerValues | None = None
        grids = {stages: self._layout.grids[stages] for stages in backbone.attach}
        algorithm, seed = context.settings.algorithm, context.settings.seed
        oracle = oracles.create(algorithm, grids, seed, lambda: self._proposal)
        self._grids = grids
        self._study = Study(context.run.study(backbone.name), oracle)
        self._all = context.all_images()
        self._images = self._study.folder.read_images()
        self._passes = Passes(context, hands.divides_passes)
        self._trained: set[str] = set()  # trials whose step is worked on
        self._evaluating = False
        self._failures = 0
        self._gains = Gains(self._tuned())
        self._codes: np.ndarray | None = None

    @property
    def best(self) -> TrialRecord | None:
        """Best trial so far, None before the first."""
        return self._study.best()

    def offer(self, seconds: float) -> Offer | None:
        """Return what would be done next; None where it waits for a step, or has converged.

        Args:
            seconds: Time for this backbone, infinite without a limit.
        """
        if self._evaluating:
            return None
        if self._images is None:
            self._take(self._first_images(seconds))
        ways = (self._next_head, self._first_winner, self._grown, self._next_leg, self._new_winner)
        for way in ways:
            offer = way(seconds)
            if offer or self._passes.running:
                return offer
        return None

    def last_winner(self) -> Offer | None:
        """Return the offer to bring the winner up to date, None where it is, or waits."""
        if self.running or not self._is_stale():
            return None
        return self._evaluation(Turn.WINNER)

    def closing_seconds(self) -> float:
        """Return the time that `last_winner` would take."""
        if not self._is_stale():
            return 0.0
        missing = self._passes.missing(self._test_passes())
        return self._expect("pass", missing) + self._expect("winner", self._held_out)

    # Heads

    def _next_head(self, _: float) -> Offer | None:
        """Solve the first heads, and the best ones again when there are more images."""
        first = known_ground.heads(self._backbone.attach, self._grids)
        heads = self._heads()
        begun = {(h.hyperparameters.stages, h.hyperparameters.grid) for h in heads}
        new = [head for head in first if (head["stages"], head["grid"]) not in begun]
        if new:
            return self._head_offer(Hyperparameters.of(new[0]), lambda: self._ask(new[0]))
        solved = sorted((head for head in heads if head.result), key=lambda head: head.score)
        if not solved and not self._trained:
            raise RunError(self._nothing_succeeded())
        open_heads = [head for head in heads if not head.ended]
        for head in [*open_heads, *solved[:_KEPT_HEADS]]:
            trained = head.result.trained if head.result else 0
            if trained < self._images.train and head.trial not in self._trained:
                return self._head_offer(head.hyperparameters, lambda head=head: head)
        return None

    def _head_offer(
        self, chosen: Hyperparameters, trial: Callable[[], TrialRecord]
    ) -> Offer | None:
        stages = chosen.stages
        if not self._passes.are_made(wanted := self._plain(stages)):
            return self._pass_offer(wanted, Turn.WINNER)

        def begin(_: float) -> Future[Trained]:
            record = trial()
            begun.append(record)
            head = Head(_title(record), chosen, self._for_heads(), self._codes)
            return self._start(Steps.fit_head, head, record.trial)

        def end(trained: Trained, seconds: float) -> None:
            self._stop(begun[0].trial)
            self._note("head", self._images.train, seconds)
            self._tell(begun[0], trained, "solved")
            self._keep_doubts(trained)

        def fails(error: Exception) -> None:
            self._fail(begun[0], error)

        begun: list[TrialRecord] = []
        images = self._images.train
        seconds = self._expect("head", images)
        return Offer("head", images, Turn.WINNER, seconds, 0.0, begin, end, fails)

    # Winner

    def _first_winner(self, _: float) -> Offer | None:
        if self.winner or self._study.best() is None:
            return None
        return self._evaluation(Turn.WINNER)

    def _new_winner(self, _: float) -> Offer | None:
        """Bring the winner up to date where that takes little beside the trainings since."""
        if not self._is_stale() or self._trained:
            return None
        since = self._gains.seconds_since_winner
        if self._has_converged() or self.closing_seconds() <= _WINNER_SHARE * since:
            return self._evaluation(Turn.FINE_TUNED)
        return None

    def _evaluation(self, turn: Turn) -> Offer | None:
        if not self._passes.are_made(wanted := self._test_passes()):
            return self._pass_offer(wanted, turn)
        best = self._study.best()
        assert best is not None, "asked where a trial has a result"

        def begin(_: float) -> Future[Evaluation]:
            self._evaluating = True
            return self._start(Steps.evaluate, self._tail(best), best.trial)

        def end(evaluation: Evaluation, seconds: float) -> None:
            self._evaluating = False
            self._stop(best.trial)
            self._note("winner", self._held_out, seconds)
            self._save(best, evaluation)

        seconds = self._expect("winner", self._held_out)
        return Offer("winner", self._held_out, turn, seconds, 0.0, begin, end, self._raise)

    def _save(self, best: TrialRecord, evaluation: Evaluation) -> None:
        weights = WeightsOrigin(source=self._weights.source, fingerprint=self._weights.fingerprint)
        self.winner = save_winner(self._context, self.name, weights, best, evaluation)
        self._gains.winner_saved()
        self._context.progress.winner(self.winner)
        self._on_change()

    def _is_stale(self) -> bool:
        best = self._study.best()
        if best is None or best.result is None:
            return False
        return self.winner is None or (self.winner.trial, self.winner.score) != (
            best.trial,
            best.score,
        )

    # Images

    def _first_images(self, seconds: float) -> SearchImages:
        """As many images as leave most of the time for what comes behind their pass."""
        train = min(_FIRST, self._all.train)
        while train > _LEAST and self._expect("pass", train + self._held_out) > _SHARE * seconds:
            train //= 2
        if train < min(_FIRST, self._all.train):
            self._context.progress.say(f"  time is short: begins with {train:,} training images")
        return self._all.model_copy(update={"train": train, "views": 1})

    def _grown(self, seconds: float) -> Offer | None:
        """Take more images, or their mirrored views, where the time for their pass is there."""
        if self._trained:
            return None
        grown = self._more_images(seconds) or self._mirrored(seconds)
        if grown is None:
            return None
        self._take(grown)
        return self._next_head(seconds) or self._next_leg(seconds)

    def _more_images(self, seconds: float) -> SearchImages | None:
        now = self._images
        for train in (self._all.train, 2 * now.train):
            more = min(train, self._all.train) - now.train
            takes = self._expect("pass", more * now.views)
            if more and takes <= _SHARE * seconds and self._fits(now.train + more):
                return now.model_copy(update={"train": now.train + more})
        return None

    def _mirrored(self, seconds: float) -> SearchImages | None:
        """A second view pays once a trial has seen the first one."""
        best = self._best_tuned()
        if best is None or self._images.views == 2:
            return None
        if self._expect("pass", self._images.train) > _SHARE * seconds:
            return None
        return self._images.model_copy(update={"views": 2})

    def _take(self, images: SearchImages) -> None:
        self._images = images
        self._study.folder.write_images(images)
        if images.train < self._all.train or images.views == 2:
            return
        self._context.progress.say(f"  all {images.train:,} training images")

    def _fits(self, train: int) -> bool:
        """Whether the cache has room for so many images in both views, beside other backbones."""
        room = self._context.cache.budget / len(self._context.settings.backbones)
        of_image = sum(self._layout.bytes[cut] for cut in self._cuts)
        return of_image * (2 * train + self._held_out) <= room

    # Fine-tuning

    def _next_leg(self, _: float) -> Offer | None:
        trial = self._next_trial()
        if trial is None:
            return None
        chosen, head = trial.hyperparameters, self._start_of(trial)
        if head is None:
            own = {**trial.values, "depth": 0}
            return self._head_offer(Hyperparameters.of(own), lambda: self._ask(own))
        images = self._all.model_copy(update={"views": 0}) if trial.from_pixels else self._images
        if not self._passes.are_made(wanted := self._of_trial(chosen.cut, images)):
            return self._pass_offer(wanted, Turn.FINE_TUNED)

        def begin(left: float) -> Future[Trained]:
            checkpoint = self._study.folder.read_checkpoint(trial.trial)
            limit = min(_LEG_SECONDS, left)
            training = Training(
                _title(trial), chosen, images, self._codes,
                start=self._tail(head), checkpoint=checkpoint, leg=images.train, seconds=limit,
            )  # fmt: skip
            return self._start(Steps.train, training, trial.trial)

        def end(trained: Trained, took: float) -> None:
            self._stop(trial.trial)
            before = trial.result.history[-1].images if trial.result else 0
            seen = trained.result.history[-1].images - before
            self._note("leg", seen, took, self._kind(chosen))
            self._leg_ended(trial, trained, took)

        expected = self._expect("leg", images.train, self._kind(chosen))
        turn = Turn.REST if self._best_tuned() else Turn.FINE_TUNED
        takes = min(expected, 1.3 * _LEG_SECONDS)  # with its scoring
        gain = self._gains.of_a_leg(takes)
        return Offer("leg", images.train, turn, takes, gain, begin, end, partial(self._fail, trial))

    def _next_trial(self) -> TrialRecord | None:
        """The best trial so far or a challenger, None where all has converged or is running."""
        tuned, best = self._tuned(), self._best_tuned()
        if self._has_converged() or len(self._trained) >= max(1, self.hands.slots):
            return None
        if best and best.trial not in self._trained and not racing.wants_challenger(tuned, best):
            return best
        waiting = [t for t in tuned if not t.ended and t.trial not in self._trained]
        challengers = [t for t in waiting if best is None or t.trial != best.trial]
        if challengers:
            return challengers[0]
        more = self._images.train < self._all.train
        idea = known_ground.next_idea(self._solved_heads(), tuned, more)
        return self._ask(idea.values, idea.start.trial if idea.start else None, idea.from_pixels)

    def _has_converged(self) -> bool:
        best, tuned = self._best_tuned(), self._tuned()
        if best is None or not best.ended:
            return False
        return racing.lost_in_a_row(tuned, best) >= self._context.preset.challengers

    def _leg_ended(self, trial: TrialRecord, trained: Trained, took: float) -> None:
        known, before = self._study.trials, self._study.best()
        now = trial.model_copy(update={"result": trained.result})
        others = [other for other in self._tuned() if other.trial != trial.trial and other.result]
        best_other = min(others, key=lambda other: other.score, default=None)
        start = known.get(trial.start) if trial.start else None
        ended = racing.verdict(now, best_other, start, self._context.preset.patience)
        self._tell(trial, trained, ended)
        assert before is not None, "a head came first"
        best = self._study.best()
        assert best is not None, "the same or a better one"
        self._gains.add(took, before.score, best.score)
        self._tidy()

    def _tidy(self) -> None:
        """Delete weights of trials that have ended and are nobody's start."""
        best, best_tuned = self._study.best(), self._best_tuned()
        kept = {record.trial for record in (best, best_tuned) if record}
        kept |= {record.start for record in self._tuned() if record.start and not record.ended}
        for record in self._tuned():
            if record.ended:
                self._study.folder.drop_weights(record.trial, tail=record.trial not in kept)

    # Trials

    def _ask(
        self, values: TunerValues | None, start: str | None = None, from_pixels: bool = False
    ) -> TrialRecord | None:
        self._proposal = values
        try:
            return self._study.ask(start, from_pixels)
        finally:
            self._proposal = None

    def _tell(self, trial: TrialRecord, trained: Trained, ended: str) -> None:
        self._failures = 0
        record = self._study.tell(trial.trial, trained, ended)
        self._context.progress.leg_done(record, self._study.best())
        self._on_change()

    def _fail(self, trial: TrialRecord, error: Exception) -> None:
        """Go on without a trial that failed; not where the disk did, or all do."""
        self._stop(trial.trial)
        if not isinstance(error, DivergedError | ArithmeticError | ValueError | RuntimeError):
            raise error
        record = self._study.end(trial.trial, _in_a_line(error))
        self._context.progress.leg_done(record, self._study.best())
        self._on_change()
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise RunError(self._nothing_succeeded()) from error

    def _raise(self, error: Exception) -> None:
        raise error

    def _nothing_succeeded(self) -> str:
        return f"no trial of {self._backbone.title} succeeded; see {self._context.run.leaderboard}"

    def _heads(self) -> list[TrialRecord]:
        return [t for t in self._study.trials.values() if not t.hyperparameters.depth]

    def _solved_heads(self) -> list[TrialRecord]:
        return [head for head in self._heads() if head.result]

    def _tuned(self) -> list[TrialRecord]:
        return racing.tuned(self._study.trials.values())

    def _best_tuned(self) -> TrialRecord | None:
        scored = [trial for trial in self._tuned() if trial.result]
        return min(scored, key=lambda trial: trial.score, default=None)

    def _start_of(self, trial: TrialRecord) -> TrialRecord | None:
        """The trial with whose weights a fine-tuned one begins, None where it is to be made."""
        if trial.start:
            return self._study.trials[trial.start]
        of = ("stages", "grid", "head_units")
        wanted = [trial.values[name] for name in of]
        heads = self._solved_heads()
        return next((h for h in heads if [h.values[name] for name in of] == wanted), None)

    def _tail(self, trial: TrialRecord) -> Tail:
        weights = self._study.folder.read_tail(trial.trial)
        assert weights is not None and trial.result is not None, "kept with its record"
        result = trial.result
        return Tail(trial.hyperparameters, weights, result.score, result.val_brier)

    # Passes

    def _plain(self, stages: int) -> list[Pass]:
        """What heads need; one pass gives the activations at all usual cuts."""
        cuts = self._cuts if stages in self._cuts else (stages,)
        return [self._pass("train", cuts), self._pass("val", cuts)]

    def _of_trial(self, cut: int, images: SearchImages) -> list[Pass]:
        if not cut or not images.views:
            return []
        mirrored = [self._pass("train", (cut,), mirrored=True)] if images.views == 2 else []
        return [*self._plain(cut), *mirrored]

    def _test_passes(self) -> list[Pass]:
        best = self._study.best()
        cut = best.hyperparameters.cut if best else 0
        if not cut:
            return []
        cuts = self._cuts if cut in self._cuts else (cut,)
        return [self._pass("val", cuts), self._pass("test", cuts)]

    def _pass(self, split: str, cuts: tuple[int, ...], mirrored: bool = False) -> Pass:
        count = self._images.train if split == "train" else self._context.count(split)
        return Pass(split, count, cuts, "mirrored" if mirrored else "plain")

    @property
    def _cuts(self) -> tuple[int, ...]:
        """Cuts that one pass fills: behind which heads sit, and below the most promising one."""
        attach = self._backbone.attach
        return tuple(sorted({*attach, max(1, attach[0] - 1)}))

    @property
    def _held_out(self) -> int:
        return self._all.val + self._context.count("test")

    def _pass_offer(self, wanted: list[Pass], turn: Turn) -> Offer | None:
        begun = self._passes.next(wanted)
        if begun is None:
            return None

        def begin(_: float) -> Future[int]:
            self.running += 1
            self._passes.begin(begun)
            return self.hands.submit(Steps.make_pass, begun)

        def end(passed: int, seconds: float) -> None:
            self.running -= 1
            self._passes.end(begun)
            self._note("pass", passed, seconds)

        images = self._passes.images_of(begun)
        seconds = self._expect("pass", images)
        return Offer("pass", images, turn, seconds, 0.0, begin, end, self._raise)

    # Steps

    def _start(self, step: Callable[..., Any], wanted: Head | Tail, trial: str) -> Future[Any]:
        self.running += 1
        self._trained.add(trial)
        return self.hands.submit(step, wanted)

    def _stop(self, trial: str) -> None:
        self.running -= 1
        self._trained.discard(trial)

    def _for_heads(self) -> SearchImages:
        return self._images.model_copy(update={"views": 1})

    def _keep_doubts(self, trained: Trained) -> None:
        if trained.out_of_fold is None:
            return
        folder, images = self._study.folder, self._for_heads()
        doubted_labels.keep(self._context, folder, images, trained.out_of_fold)
        if self._context.settings.drop_suspects:
            self._codes = doubted_labels.training_codes(self._context, folder)

    def _note(self, kind: Kind, images: int, seconds: float, of: str = "") -> None:
        self._timings.add(kind, self.name, self._backbone.gmacs, images, seconds, of)

    def _expect(self, kind: Kind, images: int, of: str = "") -> float:
        if not images:
            return 0.0
        return self._timings.expect(kind, self.name, self._backbone.gmacs, images, of)

    def _kind(self, chosen: Hyperparameters) -> str:
        return f"{chosen.stages}-{chosen.depth}"


def _title(trial: TrialRecord) -> str:
    return f"trial {trial.trial}"


def _in_a_line(error: Exception) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
