"""Figures of a training on the validation split, behind a leg or an epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data import Label
from tuning.metrics import fit_calibrations, mean_scores, probabilities
from tuning.runs.schema import Leg


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


def scored(
    labels: Sequence[Label],
    codes: np.ndarray,
    logits: np.ndarray,
    *,
    leg: int,
    images: int,
    seconds: float,
    loss: float,
) -> Leg:
    """Score a leg by the logits behind it, calibrated on the same images.

    Slope and biases are few beside the images, and without them a leg is judged by the scale of its
    logits, which calibration changes at any rate.

    Args:
        labels: The L labels that are learned; figures are means over them.
        codes: Codes of the validation split, int [N, L].
        logits: Logits of the validation split, float [N, width].
        leg: Number of the leg, from 1.
        images: Number of training images that were seen up to its end.
        seconds: Wall time of the leg.
        loss: Mean training loss of the leg, nats.

    Raises:
        DivergedError: A logit or the loss is infinite or not a number.

    Example:
        >>> from data import GENDER
        >>> logits, facts = np.array([[-2.0], [2.0]]), {"images": 64, "seconds": 1.5, "loss": 0.2}
        >>> scored([GENDER], np.array([[0], [1]]), logits, leg=1, **facts).val_accuracy
        1.0
    """
    if not (np.isfinite(logits).all() and np.isfinite(loss)):
        raise DivergedError(f"the loss diverged in leg {leg}")
    calibrations = fit_calibrations(labels, codes, logits)
    scores = mean_scores(labels, codes, probabilities(labels, logits, calibrations))
    return Leg(
        leg=leg,
        images=images,
        seconds=seconds,
        loss=loss,
        val_accuracy=scores.accuracy,
        val_auc=scores.auc,
        val_brier=scores.brier,
        val_loss=scores.log_loss,
    )


def improved(history: Sequence[Leg]) -> bool:
    """Whether the last leg is better than all before it.

    Args:
        history: Legs so far, at least one.
    """
    *past, last = (leg.val_brier for leg in history)
    return not past or last < min(past)
