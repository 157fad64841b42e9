"""The search of one backbone: what it would do next, and what has come of it.

It begins with a head on a sample of the training images, which is the first winner, and tries other
heads on it. Then the sample grows as far as the time allows, the stages below the best head are
fine-tuned, and the winner follows the best trial. Each step is decided from what this run has
measured so far, so that it may end after any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from tuning.backbones.registry import Backbone
from tuning.backbones.weights import Weights
from tuning.runs.run_folder import RunError
from tuning.runs.schema import (
    Hyperparameters,
    SearchImages,
    TrialRecord,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.search import doubted_labels, racing
from tuning.search.context import SearchContext
from tuning.search.engine import Hands
from tuning.search.gains import Gains
from tuning.search.offers import Offer, Turn, Work
from tuning.search.passes import Passes
from tuning.search.steps import Head, Pass, Steps, Trained, Training
from tuning.search.study_images import StudyImages
from tuning.search.timings import Kind, Timings
from tuning.search.trials import Trials
from tuning.search.winner import HELD_OUT, Evaluation, save_winner
from tuning.training.validation import DivergedError

_LEG_SECONDS = 90.0
_LEAST_LEG_SECONDS = 10.0
_SCORING = 1.3  # times as long a leg takes with its scoring
_WINNER_SHARE = 0.05  # of what was worked since, to bring the winner up to date
_WORTH_SAVING = 0.05  # of the winner's score: that much better is worth it at once
_MOST_FAILURES = 3  # in a row
_MODEL = 200.0  # operations in whose time a whole model is made and saved, billions


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
        winner: What is known about its winner, None before the first.
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
        self.winner: WinnerFacts | None = context.run.read_winner(backbone.name)
        self._context, self._hands = context, hands
        self._backbone, self._weights = backbone, weights
        self._timings, self._on_change = timings, on_change
        self._layout = layout = hands.submit(Steps.layout).result()
        grids = {stages: layout.grids[stages] for stages in backbone.attach}
        self._trials = Trials(context, backbone, grids)
        self._first_cuts = layout.first_cuts(backbone)
        of_image = sum(map(layout.bytes_of, self._first_cuts))
        folder = self._trials.folder
        expected = self._pass_seconds, self._head_seconds
        self._images = StudyImages(context, folder, of_image, *expected)
        self._passes = Passes(context, hands.divides_passes)
        self._gains = Gains()
        self._since_winner = 0.0  # seconds worked since the winner was saved
        self._busy: set[str] = set()  # trials that are worked on
        self._evaluating = False
        self._failures = 0
        self._codes: np.ndarray | None = None

    @property
    def best(self) -> TrialRecord | None:
        """Best trial so far, None before the first."""
        return self._trials.best

    @property
    def is_tuned(self) -> bool:
        """Whether it has trained a leg."""
        return self._trials.best_tuned is not None

    @property
    def is_stale(self) -> bool:
        """Whether the winner is not that of the best trial's best leg."""
        best, winner = self.best, self.winner
        if best is None:
            return False
        return winner is None or (winner.trial, winner.score) != (best.trial, best.score)

    def offer(self, seconds: float, left: float) -> Offer | None:
        """Return what would be done next; None where it waits for a step, or has converged.

        Args:
            seconds: Time that it may plan with, infinite without a limit.
            left: Time in which a step has to end.
        """
        if self._evaluating:
            return None
        self._images.begin(seconds)
        if self.winner is None and self.first_winner_seconds() > left:
            return None
        for next_step in (self._first_winner, self._next_head, self._more):
            offer = next_step(seconds)
            if offer or self._passes.running:
                return offer
        if self.winner is None:  # the first heads are being solved
            return None
        return self._newer_winner() or self._next_leg(left)

    def last_winner(self) -> Offer | None:
        """Return the offer to bring the winner up to date, None where it is."""
        return self._evaluation(Turn.WINNER) if self.is_stale and not self._evaluating else None

    def closing_seconds(self) -> float:
        """Return the time that `last_winner` would take."""
        if not self.is_stale:
            return 0.0
        passes = self._passes.gmacs(self._for_winner(), self._layout)
        return self._expect("pass", passes) + self._expect("winner", self._of_winner())

    def seconds_to_converge(self) -> float:
        """Return the time until it has converged, if no challenger becomes the best, about."""
        best, tuned = self._trials.best_tuned, self._trials.tuned
        if self._trials.has_converged or best is None:
            return 0.0
        preset, images = self._context.preset, self._images_of(best)
        lost = racing.lost_in_a_row(tuned, best)
        trials = max(0, preset.challengers - lost) + (not best.ended)
        gmacs = images.train * self._of_leg(best.hyperparameters, images)
        epoch = self._expect("leg", gmacs, _kind(best.hyperparameters))
        return trials * (racing.LEAST_EPOCHS + preset.patience) * epoch

    def first_winner_seconds(self) -> float:
        """Return the time until the first winner: a head on few images, and its evaluation."""
        stages = self._backbone.attach[0]
        wanted = [*self._plain(stages), *self._held_out(self._first_cuts)]
        passes = self._expect("pass", self._passes.gmacs(wanted, self._layout))
        return passes + self._expect("winner", _MODEL)

    def _next_head(self, _: float) -> Offer | None:
        head = self._trials.next_head(self._images.now, self._busy)
        if head is not None:
            return self._head(head)
        if not self._trials.heads and not self._busy:
            raise RunError(self._nothing_succeeded())
        return None

    def _first_winner(self, _: float) -> Offer | None:
        if self.winner or self.best is None:
            return None
        return self._evaluation(Turn.WINNER)

    def _more(self, seconds: float) -> Offer | None:
        """Take more images, or a second view of them, and solve the best heads again."""
        if self._busy:
            return None
        if self._images.grow(seconds) or self._images.add_mirrored(seconds):
            return self._next_head(seconds)
        return None

    def _next_leg(self, left: float) -> Offer | None:
        if self._trials.has_converged or len(self._busy) >= max(1, self._hands.slots):
            return None
        if left < _SCORING * _LEAST_LEG_SECONDS:
            return None
        trial = self._trials.next_tuned(not self._images.are_all, self._busy)
        if trial is None:
            return None
        head = self._trials.head_for(trial, self._images.now)
        return self._head(head) if head else self._leg(trial, left)

    def _newer_winner(self) -> Offer | None:
        """Bring the winner up to date where it has gained, or that takes little beside the rest."""
        if not self.is_stale or self._busy:
            return None
        is_cheap = self.closing_seconds() <= _WINNER_SHARE * self._since_winner
        if is_cheap or self._trials.has_converged or self._has_gained():
            return self._evaluation(Turn.WINNER)
        return None

    def _has_gained(self) -> bool:
        """Whether the best trial is so much better that a stop now would lose much."""
        assert self.winner and self.best, "there is a winner to be behind"
        return self.best.score <= (1 - _WORTH_SAVING) * self.winner.score

    def _head(self, head: TrialRecord) -> Offer | None:
        chosen, now = head.hyperparameters, self._images.now
        wanted = self._of_cut(chosen.stages, now)
        if not self._passes.are_made(wanted):
            return self._pass(wanted, Turn.WINNER)

        gmacs = self._layout.of_head(chosen, now.train * now.views, now.val)

        def begin(_: float) -> Future[Trained]:
            return self._begin(head, Steps.fit_head, Head(_title(head), chosen, now, self._codes))

        def end(trained: Trained, seconds: float) -> Work:
            self._took(self._trials.take_head(head, trained))
            self._keep_doubts(now, trained)
            return self._note("head", Work(now.train, gmacs), seconds)

        seconds = self._expect("head", gmacs)
        return self._of_trial(head, "head", now.train, Turn.WINNER, seconds, begin, end)

    def _leg(self, trial: TrialRecord, left: float) -> Offer | None:
        chosen, start = trial.hyperparameters, self._trials.start_of(trial)
        assert start is not None, "its head comes first"
        images = self._images_of(trial)
        wanted = [] if trial.from_pixels else self._of_cut(chosen.cut, images)
        if not self._passes.are_made(wanted):
            return self._pass(wanted, Turn.FINE_TUNED)
        kind, of_image = _kind(chosen), self._of_leg(chosen, images)

        def begin(now_left: float) -> Future[Trained]:
            training = Training(
                _title(trial), chosen, images, self._codes,
                start=self._trials.tail(start),
                checkpoint=self._trials.folder.read_checkpoint(trial.trial),
                leg=images.train, seconds=min(_LEG_SECONDS, now_left / 2),
            )  # fmt: skip
            return self._begin(trial, Steps.train, training)

        def end(trained: Trained, seconds: float) -> Work:
            before = trial.result.history[-1].images if trial.result else 0
            seen = trained.result.history[-1].images - before
            score = self._trials.best.score if self._trials.best else 1.0
            self._took(record := self._trials.take_leg(trial, trained))
            assert record.result is not None, "the leg's"
            if record.score < score or racing.may_be_judged(record.result):
                self._gains.add(seconds, score, min(score, record.score))
            return self._note("leg", Work(seen, seen * of_image), seconds, kind)

        is_first = not (self._trials.best_tuned or self._busy)
        turn = Turn.FINE_TUNED if is_first else Turn.REST
        expected = self._expect("leg", images.train * of_image, kind)
        seconds = min(expected, _SCORING * _LEG_SECONDS, left)
        offer = self._of_trial(trial, "leg", images.train, turn, seconds, begin, end)
        # Legs side by side gain less each, and leave slots to other backbones.
        return replace(offer, gain=self._gains.of_a_leg(seconds) / (1 + len(self._busy)))

    def _images_of(self, trial: TrialRecord) -> SearchImages:
        """What a fine-tuned trial learns from: pixels where frozen stages take little."""
        now = self._images.all if trial.from_pixels else self._images.now
        chosen = trial.hyperparameters
        is_cheap = self._layout.is_cheap_from_pixels(chosen.stages, chosen.depth)
        return now.model_copy(update={"views": 0}) if trial.from_pixels or is_cheap else now

    def _evaluation(self, turn: Turn) -> Offer | None:
        if not self._passes.are_made(wanted := self._for_winner()):
            return self._pass(wanted, turn)
        best, images = self.best, self._images.held_out
        assert best is not None, "there is a best trial to evaluate"

        def begin(_: float) -> Future[Evaluation]:
            self._evaluating = True
            return self._begin(best, Steps.evaluate, self._trials.tail(best))

        def end(evaluation: Evaluation, seconds: float) -> Work:
            self._evaluating = False
            self._save(best, evaluation)
            return self._note("winner", Work(images, gmacs), seconds)

        gmacs = self._of_winner()
        seconds = self._expect("winner", gmacs)
        offer = self._of_trial(best, "winner", images, turn, seconds, begin, end)
        return replace(offer, fails=self._raise)

    def _pass(self, wanted: list[Pass], turn: Turn) -> Offer | None:
        chosen = self._passes.next(wanted)
        if chosen is None:
            return None

        def begin(_: float) -> Future[int]:
            self._passes.begin(chosen)
            return self._hands.submit(Steps.make_pass, chosen)

        def end(passed: int, seconds: float) -> Work:
            self._passes.end(chosen)
            return self._note("pass", Work(passed, passed * of_image), seconds)

        images = self._passes.images_of(chosen)
        of_image = self._passes.of_image(chosen, self._layout)
        seconds = self._expect("pass", images * of_image)
        return Offer("pass", images, turn, seconds, 0.0, begin, end, self._raise)

    def _of_trial(
        self,
        trial: TrialRecord,
        kind: Kind,
        images: int,
        turn: Turn,
        seconds: float,
        begin: Callable[[float], Future[Any]],
        end: Callable[[Any, float], Work],
    ) -> Offer:
        def ended(result: Any, seconds: float) -> Work:
            self._busy.discard(trial.trial)
            return end(result, seconds)

        fails = partial(self._fail, trial)
        return Offer(kind, images, turn, seconds, 0.0, begin, ended, fails)

    def _begin(self, trial: TrialRecord, step: Callable[..., Any], asked: object) -> Future[Any]:
        self._busy.add(trial.trial)
        return self._hands.submit(step, asked)

    def _took(self, record: TrialRecord) -> None:
        self._failures = 0
        self._context.progress.leg_done(record, self.best)
        self._on_change()

    def _fail(self, trial: TrialRecord, error: Exception) -> None:
        """Go on without a trial that failed; not where the disk did, or several in a row do."""
        self._busy.discard(trial.trial)
        if not _is_of_a_training(error):
            raise error
        record = self._trials.fail(trial, _in_a_line(error))
        self._context.progress.leg_done(record, self.best)
        self._on_change()
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            raise RunError(self._nothing_succeeded()) from error

    def _raise(self, error: Exception) -> None:
        raise error

    def _nothing_succeeded(self) -> str:
        leaderboard = self._context.run.leaderboard
        return f"trials of {self._backbone.title} fail one after the other; see {leaderboard}"

    def _save(self, best: TrialRecord, evaluation: Evaluation) -> None:
        weights = WeightsOrigin(source=self._weights.source, fingerprint=self._weights.fingerprint)
        self.winner = save_winner(self._context, self.name, weights, best, evaluation)
        self._since_winner = 0.0
        self._context.progress.winner(self.winner)
        self._on_change()

    def _keep_doubts(self, images: SearchImages, trained: Trained) -> None:
        if trained.out_of_fold is None:
            return
        folder, context = self._trials.folder, self._context
        doubted_labels.keep(context, folder, images, trained.out_of_fold)
        if context.settings.drop_suspects and self._codes is None:
            self._codes = doubted_labels.training_codes(context, folder)

    def _plain(self, cut: int) -> list[Pass]:
        """Training and validation images in the plain view, at all usual cuts at once."""
        return [
            Pass("train", self._images.planned.train, self._with_usual(cut), "plain"),
            self._val(cut),
        ]

    def _val(self, cut: int) -> Pass:
        return Pass("val", self._images.planned.val, self._with_usual(cut), "plain")

    def _of_cut(self, cut: int, images: SearchImages) -> list[Pass]:
        """What a training from a cut needs, or its scoring alone where that is from pixels."""
        if not cut:
            return []
        if images.views == 0:
            return [self._val(cut)]
        if images.views == 1:
            return self._plain(cut)
        return [*self._plain(cut), Pass("train", images.train, (cut,), "mirrored")]

    def _for_winner(self) -> list[Pass]:
        cut = self.best.hyperparameters.cut if self.best else 0
        if not cut:
            return []
        return self._held_out(self._with_usual(cut))

    def _with_usual(self, cut: int) -> tuple[int, ...]:
        """All usual cuts where the cut is among them, else the cut alone."""
        usual = self._first_cuts
        return usual if cut in usual else (cut,)

    def _held_out(self, cuts: tuple[int, ...]) -> list[Pass]:
        return [Pass(split, self._context.count(split), cuts, "plain") for split in HELD_OUT]

    def _pass_seconds(self, images: int) -> float:
        """Expected time of a pass of some images to the usual cuts."""
        return self._expect("pass", images * self._layout.gmacs[max(self._first_cuts)])

    def _head_seconds(self, rows: int) -> float:
        """Expected time of solving the best head on some images, each view counted."""
        best = next(iter(self._trials.heads), None)
        if best is None:
            return 0.0
        gmacs = self._layout.of_head(best.hyperparameters, rows, self._images.all.val)
        return self._expect("head", gmacs)

    def _of_leg(self, chosen: Hyperparameters, images: SearchImages) -> float:
        """Operations for one image of a leg, with those that it is scored on, billions."""
        scored = self._layout.between(chosen.cut, chosen.stages)
        frozen = 0.0 if images.views else self._layout.gmacs[chosen.cut]
        step = self._layout.of_step(chosen.stages, chosen.depth)
        return step + frozen + images.val / images.train * scored

    def _of_winner(self) -> float:
        """Operations of an evaluation, billions."""
        if self.best is None:
            return 0.0
        chosen = self.best.hyperparameters
        return _MODEL + self._images.held_out * self._layout.between(chosen.cut, chosen.stages)

    def _note(self, kind: Kind, work: Work, seconds: float, of: str = "") -> Work:
        if kind != "winner":
            self._since_winner += seconds
        self._timings.add(kind, self.name, work.gmacs, seconds, of)
        return work

    def _expect(self, kind: Kind, gmacs: float, of: str = "") -> float:
        return self._timings.expect(kind, self.name, gmacs, of)


def _kind(chosen: Hyperparameters) -> str:
    return f"{chosen.stages}-{chosen.depth}"


def _title(trial: TrialRecord) -> str:
    return f"trial {trial.trial}"


def _is_of_a_training(error: Exception) -> bool:
    """Whether another training may do better: numbers or memory failed, not the run's surroundings.

    Those of cache and cluster are subclasses of RuntimeError.
    """
    numbers = (ArithmeticError, DivergedError, MemoryError, ValueError, tf.errors.OpError)
    return isinstance(error, numbers) or type(error) is RuntimeError


def _in_a_line(error: Exception) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
