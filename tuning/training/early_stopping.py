"""Watches a training on the validation split: scores each epoch, says when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from tuning.metrics import accuracy, auc, brier, log_loss, sigmoid

# Bounded for each image, so that a few wrong labels do not decide, and finer than accuracy.
OBJECTIVE = "val_brier"

OnEpoch = Callable[[int, int, dict[str, float]], None]
"""Called with epochs done, epochs planned and the epoch's figures."""


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


class Validation:
    """The validation split's view of one training.

    Args:
        labels: 0 or 1, float32 [N], of the validation split.
        epochs: planned.
        patience: epochs without a better `OBJECTIVE` before the training stops.
        rival: `OBJECTIVE` of another training; it stops when it can't beat that, see `hopeless`.
        on_epoch: told of each epoch.

    Attributes:
        history: a row of figures an epoch.
        improved: whether the last epoch was the best so far.
        ended: whether the training should stop.
    """

    def __init__(
        self,
        labels: np.ndarray,
        epochs: int,
        patience: int,
        rival: float | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> None:
        self.history: list[dict[str, float]] = []
        self.improved = self.ended = False
        self._labels = labels
        self._epochs = epochs
        self._patience = patience
        self._rival = rival
        self._on_epoch = on_epoch
        self._started = time.perf_counter()

    def epoch(self, logits: np.ndarray, loss: float) -> None:
        """Take in an epoch's logits of the validation split, float [N], and its training loss.

        Raises:
            DivergedError: a logit or the loss is infinite or not a number.
        """
        number = len(self.history) + 1
        if not (np.isfinite(logits).all() and np.isfinite(loss)):
            raise DivergedError(f"the loss diverged in epoch {number}")
        p_man = sigmoid(logits)
        now = time.perf_counter()
        row = {
            "epoch": number,
            "seconds": now - self._started,
            "loss": float(loss),
            "val_accuracy": accuracy(self._labels, p_man),
            "val_auc": auc(self._labels, p_man),
            "val_brier": brier(self._labels, p_man),
            "val_loss": log_loss(self._labels, p_man),
        }
        self._started = now
        self.history.append(row)
        scores = [past[OBJECTIVE] for past in self.history]
        best = int(np.argmin(scores))
        self.improved = best == len(scores) - 1
        self.ended = len(scores) - 1 - best >= self._patience or (
            self._rival is not None and hopeless(scores, self._epochs, self._rival)
        )
        if self._on_epoch:
            self._on_epoch(number, self._epochs, row)

    @property
    def best(self) -> dict[str, float]:
        """The best epoch's figures."""
        return min(self.history, key=lambda row: row[OBJECTIVE])


def hopeless(scores: Sequence[float], epochs: int, rival: float) -> bool:
    """Whether a training can no longer beat another one.

    It can't if it would stay behind even with every epoch left bringing twice what the last one
    brought; learning curves flatten, but a rate that decays to zero may steepen their end.

    Args:
        scores: `OBJECTIVE` after each epoch so far, smaller is better.
        epochs: planned.
        rival: the other training's best score.
    """
    if len(scores) < 2:
        return False
    gain = max(0.0, scores[-2] - scores[-1])
    return min(scores) - 2 * gain * (epochs - len(scores)) > rival
