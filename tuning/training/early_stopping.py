"""Watches a training on the validation split: scores each epoch, says when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from data import Label
from tuning.metrics import mean_scores, probabilities
from tuning.runs.schema import Epoch

# Bounded for each image, so that a few wrong labels do not decide, and finer than accuracy.
OBJECTIVE = "val_brier"

OnEpoch = Callable[[Epoch, int], None]
"""Called with the epoch that ended and the number of epochs planned."""


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


class Validation:
    """The validation split's view of one training.

    Args:
        labels: The L labels that are learned; figures are means over them.
        codes: Codes of the validation split, int [N, L].
        epochs: Number of epochs planned.
        patience: Number of epochs without a better score before the training stops.
        score_to_beat: Brier score of another training; this one stops when it can't beat that,
            see `hopeless`. None to go on whatever it is.
        on_epoch: Called after each epoch.

    Attributes:
        epochs: Number of epochs planned.
        history: Figures of the epochs so far.
        improved: Whether the last epoch was the best so far.
        ended: Whether the training should stop.

    Example:
        >>> from data import GENDER
        >>> validation = Validation([GENDER], np.array([[0], [1]]), epochs=9, patience=1)
        >>> for spread in (2.0, 1.0):
        ...     validation.epoch(np.array([[-spread], [spread]]), loss=0.3)
        >>> validation.ended, validation.best.epoch
        (True, 1)
    """

    def __init__(
        self,
        labels: Sequence[Label],
        codes: np.ndarray,
        epochs: int,
        patience: int,
        score_to_beat: float | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self.history: list[Epoch] = []
        self.improved = self.ended = False
        self._labels, self._codes = labels, codes
        self.epochs = epochs
        self._patience = patience
        self._score_to_beat = score_to_beat
        self._on_epoch = on_epoch
        self._started = time.perf_counter()

    def epoch(self, logits: np.ndarray, loss: float) -> None:
        """Score an epoch.

        Args:
            logits: Logits of the validation split, float [N, width].
            loss: Mean training loss of the epoch.

        Raises:
            DivergedError: a logit or the loss is infinite or not a number.
        """
        number = len(self.history) + 1
        if not (np.isfinite(logits).all() and np.isfinite(loss)):
            raise DivergedError(f"the loss diverged in epoch {number}")
        scores = mean_scores(self._labels, self._codes, probabilities(self._labels, logits))
        now = time.perf_counter()
        epoch = Epoch(
            epoch=number,
            seconds=now - self._started,
            loss=float(loss),
            val_accuracy=scores.accuracy,
            val_auc=scores.auc,
            val_brier=scores.brier,
            val_loss=scores.log_loss,
        )
        self._started = now
        self.history.append(epoch)
        past = [earlier.val_brier for earlier in self.history]
        best = int(np.argmin(past))
        self.improved = best == len(past) - 1
        self.ended = len(past) - 1 - best >= self._patience or (
            self._score_to_beat is not None and hopeless(past, self.epochs, self._score_to_beat)
        )
        if self._on_epoch:
            self._on_epoch(epoch, self.epochs)

    @property
    def best(self) -> Epoch:
        """Figures of the best epoch."""
        return min(self.history, key=lambda epoch: epoch.val_brier)


def hopeless(scores: Sequence[float], epochs: int, score_to_beat: float) -> bool:
    """Whether a training can no longer beat another one.

    It can't if it would stay behind even with every epoch left bringing twice what the last one
    brought; learning curves flatten, but a learning rate that decays to zero may steepen their end.

    Args:
        scores: Brier score after each epoch so far, smaller is better.
        epochs: Number of epochs planned.
        score_to_beat: Best score of the other training.

    Example:
        >>> hopeless([0.30, 0.29], epochs=3, score_to_beat=0.05)
        True
        >>> hopeless([0.30, 0.20], epochs=3, score_to_beat=0.05)
        False
    """
    if len(scores) < 2:
        return False
    gain = max(0.0, scores[-2] - scores[-1])
    return min(scores) - 2 * gain * (epochs - len(scores)) > score_to_beat
