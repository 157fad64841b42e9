"""The trials of a backbone's study: which there are, what comes next, what a step has changed."""

from __future__ import annotations

from dataclasses import replace

from tuning.backbones.registry import Backbone
from tuning.runs.schema import SearchImages, TrialRecord, TunerValues
from tuning.search import known_ground, oracles, racing
from tuning.search.context import SearchContext
from tuning.search.oracles import Grids
from tuning.search.steps import Tail, Trained
from tuning.search.study import Study

_KEPT_HEADS = 2  # that are solved again when there are more images
_SAME_HEAD = ("stages", "grid", "head_units")


class Trials:
    """Heads and fine-tuned trials of one backbone.

    Args:
        context: Run, data and settings.
        backbone: Entry of the registry.
        grids: Grids that a head may have behind each number of stages, the most promising number
            first.

    Attributes:
        folder: Folder of the study.
    """

    def __init__(self, context: SearchContext, backbone: Backbone, grids: Grids) -> None:
        self._grids, self._preset = grids, context.preset
        self._tunings = backbone.tunings
        self._proposal: TunerValues | None = None
        algorithm, seed = context.settings.algorithm, context.settings.seed
        oracle = oracles.create(algorithm, grids, backbone.frozen, seed, lambda: self._proposal)
        self.folder = context.run.study(backbone.name)
        self._study = Study(self.folder, oracle)

    @property
    def best(self) -> TrialRecord | None:
        """Best trial so far, None before the first."""
        return self._study.best()

    @property
    def heads(self) -> list[TrialRecord]:
        """Trials of heads alone that have a result, the best first."""
        trials = self._study.trials.values()
        heads = (t for t in trials if t.result and not t.hyperparameters.depth)
        return sorted(heads, key=lambda head: head.score)

    @property
    def tuned(self) -> list[TrialRecord]:
        """Fine-tuned trials, in order."""
        return racing.tuned(self._study.trials.values())

    @property
    def best_tuned(self) -> TrialRecord | None:
        """Best fine-tuned trial so far, None before the first leg."""
        scored = (trial for trial in self.tuned if trial.result)
        return min(scored, key=lambda trial: trial.score, default=None)

    @property
    def has_converged(self) -> bool:
        """Whether the best fine-tuned trial has ended, and enough challengers after it."""
        best = self.best_tuned
        if best is None or not best.ended:
            return False
        return racing.lost_in_a_row(self.tuned, best) >= self._preset.challengers

    def next_head(self, images: SearchImages, busy: set[str]) -> TrialRecord | None:
        """Return the head to solve next: the first ones once, then the best ones on more images.

        Args:
            images: Training images and views by now.
            busy: Identifiers of the trials that are worked on.
        """
        trials = self._study.trials.values()
        heads = [trial for trial in trials if not trial.hyperparameters.depth]
        waiting = [head for head in heads if not head.ended and head.trial not in busy]
        if waiting:
            return waiting[0]
        begun = [_same_head(head.values) for head in heads]
        for values in known_ground.heads(list(self._grids), self._grids):
            if _same_head(values) not in begun:
                return self._ask(known_ground.Idea(values))
        kept = self.heads[: 1 if images.views > 1 else _KEPT_HEADS]
        fewer = (head for head in kept if _learned_from(head) < images.train * images.views)
        return next((head for head in fewer if head.trial not in busy), None)

    def head_for(self, trial: TrialRecord, images: SearchImages) -> TrialRecord | None:
        """Return a fine-tuned trial's own head that is to be solved before it begins.

        Args:
            trial: A fine-tuned trial.
            images: Training images and views by now.

        Returns:
            The head, None where it has been solved on all these images, or the trial has begun.
        """
        start = self.start_of(trial)
        if start is None:
            return self._ask(known_ground.Idea({**trial.values, "depth": 0}))
        is_old = trial.result is None and not start.hyperparameters.depth
        return start if is_old and _learned_from(start) < images.train else None

    def next_tuned(self, more_images: bool, busy: set[str]) -> TrialRecord | None:
        """Return the trial whose leg comes next: the best one, or a challenger.

        Args:
            more_images: Whether there are more training images than are cached.
            busy: Identifiers of the trials that are worked on.
        """
        best, tuned = self.best_tuned, self.tuned
        if best and best.trial not in busy and not racing.wants_challenger(tuned, best):
            return best
        for trial in tuned:
            if not trial.ended and trial.trial not in busy and trial != best:
                return trial
        idea = known_ground.next_idea(self._tunings, self.heads, tuned, more_images)
        return self._ask(idea)

    def start_of(self, trial: TrialRecord) -> TrialRecord | None:
        """Return the trial with whose weights a fine-tuned one begins, None before it is made.

        Args:
            trial: A fine-tuned trial.
        """
        if start := self._study.trials.get(trial.start or ""):  # its record may be damaged
            return start
        same = (head for head in self.heads if _same_head(head.values) == _same_head(trial.values))
        return next(same, None)

    def tail(self, trial: TrialRecord) -> Tail:
        """Return the weights of a trial's best leg.

        Args:
            trial: Trial with a result, whose weights are kept.
        """
        weights = self.folder.read_tail(trial.trial)
        assert weights is not None, "they are kept with its record"
        return Tail(trial.hyperparameters, weights)

    def take_head(self, head: TrialRecord, trained: Trained) -> TrialRecord:
        """Keep a head that was solved.

        Args:
            head: Trial of the head.
            trained: What came of it.

        Raises:
            OSError: It cannot be written.
        """
        if head.hyperparameters.head_units:
            trained = self._corrected(trained)
        return self._study.tell(head.trial, trained, "solved")

    def take_leg(self, trial: TrialRecord, trained: Trained) -> TrialRecord:
        """Keep what a leg came to, and say whether the trial goes on.

        Args:
            trial: A fine-tuned trial.
            trained: What it has come to.

        Raises:
            OSError: It cannot be written.
        """
        trained = self._corrected(trained)
        now = trial.model_copy(update={"result": trained.result})
        others = (t for t in self.tuned if t.result and t.trial != trial.trial)
        best = min(others, key=lambda other: other.score, default=None)
        start = self._study.trials.get(trial.start or "")
        ended = racing.verdict(now, best, start, self._preset.patience)
        record = self._study.tell(trial.trial, trained, ended)
        self._tidy()
        return record

    def fail(self, trial: TrialRecord, why: str) -> TrialRecord:
        """Give a trial up.

        Args:
            trial: Trial whose training failed.
            why: Reason in a line.

        Raises:
            OSError: It cannot be written.
        """
        return self._study.end(trial.trial, why)

    def _corrected(self, trained: Trained) -> Trained:
        """Give the score of other images to what was scored on validation images alone.

        How hard those are is what the best closed-form head says of them and of training images
        that it has not seen: a control variate, one for all trials, which so are compared by what
        they say of the same images.
        """
        best = next((h.result for h in self.heads if not h.hyperparameters.head_units), None)
        score = trained.result.val_brier + (best.correction if best else 0.0)
        return replace(trained, result=trained.result.model_copy(update={"score": score}))

    def _ask(self, idea: known_ground.Idea) -> TrialRecord | None:
        self._proposal = idea.values
        start = idea.start.trial if idea.start else None
        return self._study.ask(start, idea.from_pixels)

    def _tidy(self) -> None:
        """Delete weights of trials that have ended and are nobody's start."""
        kept = {record.trial for record in (self.best, self.best_tuned) if record}
        kept |= {record.start for record in self.tuned if record.start and not record.ended}
        for record in self.tuned:
            if record.ended:
                self.folder.drop_weights(record.trial, tail=record.trial not in kept)


def _learned_from(head: TrialRecord) -> int:
    """Number of images, each view counted."""
    return head.result.history[-1].images if head.result else 0


def _same_head(values: TunerValues) -> tuple[object, ...]:
    return tuple(values[name] for name in _SAME_HEAD)
