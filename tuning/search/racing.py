"""Which fine-tuned trial goes on, and which has ended: the best one and its challengers.

Once the best trial can be judged, half as much time as it has had goes to challengers. One goes on
while it is ahead of where the best one was after as many images (a race on learning curves, as
freeze-thaw tunes by them; Swersky et al., 2014): where the best one has come to since does not
count against it. A trial has converged when some legs in a row have brought nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from tuning.runs.schema import Leg, TrialRecord, TrialResult

_WORTH = 0.005  # of the score: what changes it by less has changed nothing
_MARGIN = 0.01  # of the score: chance, between two trainings of the same configuration
_CHALLENGERS_SHARE = 0.5  # of the best trial's time
_LEAST_IMAGES = 20_000  # before a training is judged, where they are fewer than so many epochs

LEAST_EPOCHS = 4
"""Epochs before a training is judged: the first ones cost a solved head accuracy."""


def tuned(trials: Collection[TrialRecord]) -> list[TrialRecord]:
    """Return the trials that fine-tune stages, in order.

    Args:
        trials: Trials of a study, in order.
    """
    return [trial for trial in trials if trial.hyperparameters.depth]


def has_converged(history: Sequence[Leg], patience: int, start: float = float("inf")) -> bool:
    """Whether the last legs of a training have brought nothing.

    Args:
        history: Its legs; their figures are of averaged weights, and so smooth.
        patience: Number of legs.
        start: Brier score that the training began with, infinite where it counts for nothing.

    Example:
        >>> chosen = {"images": 9, "seconds": 1, "loss": 0, "val_accuracy": 1, "val_auc": 1}
        >>> legs = [
        ...     Leg(leg=number, val_brier=brier, val_loss=0, **chosen)
        ...     for number, brier in enumerate([0.05, 0.04, 0.0399, 0.04], 1)
        ... ]
        >>> has_converged(legs, patience=2), has_converged(legs[:3], patience=2)
        (True, False)
    """
    scores = [start, *(leg.val_brier for leg in history)]
    if len(history) < patience:
        return False
    before, lately = min(scores[:-patience]), min(scores[-patience:])
    return lately > before * (1 - _WORTH)


def is_behind(challenger: TrialResult, best: TrialResult) -> bool:
    """Whether a training is behind where the best one was after as many images.

    Args:
        challenger: What the one has reached.
        best: What the best one has reached.
    """
    images, scores = _curve(best)
    if challenger.history[-1].images < images[0]:
        return False
    there = np.interp(challenger.history[-1].images, images, scores)
    return bool(challenger.score > there * (1 + _MARGIN))


def verdict(
    trial: TrialRecord, best: TrialRecord | None, start: TrialRecord | None, patience: int
) -> str:
    """Say why a trial ends behind its last leg.

    Args:
        trial: A fine-tuned trial with a leg.
        best: Best other one so far, None without any.
        start: Fine-tuned trial with whose weights it began, None where that was a head.
        patience: Number of legs that may bring nothing.

    Returns:
        A word, empty where it goes on.
    """
    result = trial.result
    assert result is not None, "asked behind a leg"
    if not may_be_judged(result):
        return ""
    before = start.result.val_brier if start and start.result else float("inf")
    if has_converged(result.history, patience, before):
        return "converged"
    from_its_own_head = start is None and not trial.from_pixels
    if best and best.result and trial.score >= best.score and from_its_own_head:
        return "behind" if is_behind(result, best.result) else ""
    return ""


def may_be_judged(result: TrialResult) -> bool:
    """Whether a training has gone on long enough to tell what it is worth.

    Args:
        result: What it has reached.
    """
    images = result.history[-1].images
    return images >= min(_LEAST_IMAGES, LEAST_EPOCHS * result.trained)


def wants_challenger(trials: Sequence[TrialRecord], best: TrialRecord) -> bool:
    """Whether a challenger's leg comes next, not the best trial's.

    Args:
        trials: Fine-tuned trials, in order.
        best: Best of them, with a leg.
    """
    assert best.result is not None, "it has a leg"
    if best.ended:
        return True
    others = sum(_seconds(trial) for trial in trials if trial.trial != best.trial)
    return may_be_judged(best.result) and others < _CHALLENGERS_SHARE * _seconds(best)


def lost_in_a_row(trials: Sequence[TrialRecord], best: TrialRecord) -> int:
    """Count the challengers that have ended since the best trial began, without becoming it.

    Args:
        trials: Fine-tuned trials, in order.
        best: Best of them.
    """
    return sum(bool(trial.ended) and trial.trial > best.trial for trial in trials)


def _curve(result: TrialResult) -> tuple[list[int], list[float]]:
    """Images and the best score up to there, as an objective, see `TrialResult.score`."""
    briers = np.minimum.accumulate([leg.val_brier for leg in result.history])
    return [leg.images for leg in result.history], (briers + result.correction).tolist()


def _seconds(trial: TrialRecord) -> float:
    return trial.result.seconds if trial.result else 0.0
