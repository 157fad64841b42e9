"""What the best of several models is worth without the luck of having been chosen.

Of several models the one with the best score on some images owes part of it to chance: on others
it is expected to do worse. Bootstrapping by person shows by how much (Tsamardinos, Greasidou and
Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate
cross-validation", 2018): choose on the people who were drawn, score on those who were not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from data import Label
from data.labels import MISSING, decisions
from tuning.metrics.known import by_label
from tuning.runs.schema import ChosenWinner

_RESAMPLES = 1000


def chosen_winner(
    labels: Sequence[Label],
    codes: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    people: np.ndarray,
    known: Mapping[str, float] | None = None,
    seed: int = 0,
) -> ChosenWinner:
    """Choose the model with the lowest score, and correct its figures for the choice.

    Args:
        labels: The L labels of the models.
        codes: Codes of the validation images, int [N, L].
        predictions: Class probabilities of each model by its name, float [N, K].
        people: Number of the person in each image, int [N].
        known: What other images than these add to the Brier score of each model; together they are
            its score. Left out, the score is the Brier score.
        seed: Seed of the resamples.

    Example:
        >>> from data import GENDER
        >>> codes, rng = np.arange(200)[:, None] % 2, np.random.default_rng(0)
        >>> def guess():
        ...     second = np.clip(codes[:, 0] + rng.normal(0, 0.5, 200), 0, 1)
        ...     return np.stack([1 - second, second], axis=1)
        >>> chosen = chosen_winner([GENDER], codes, {"a": guess(), "b": guess()}, np.arange(200))
        >>> chosen.among, chosen.val_brier <= chosen.val_brier_corrected
        (2, True)
    """
    names = list(predictions)
    each = np.stack([_off(labels, codes, p) for p in predictions.values()])  # [models, 2, L, N]
    has = (codes != MISSING).T
    [apparent] = _means(each, has, np.ones((1, len(codes))))
    added = np.array([(known or {}).get(name, 0.0) for name in names])
    best = int((apparent[:, 0] + added).argmin())
    numbers = np.unique(people, return_inverse=True)[1]
    count = int(numbers.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(
        count, np.full(count, 1 / count), _RESAMPLES if len(names) > 1 else 0
    )[:, numbers]
    inside, outside = _means(each, has, drawn), _means(each, has, drawn == 0)
    chosen = outside[np.arange(len(drawn)), (inside[:, :, 0] + added).argmin(axis=1)]
    usable = np.isfinite(inside).all(axis=(1, 2)) & np.isfinite(outside).all(axis=(1, 2))
    # The difference to the best model's own score there, so that resamples hardly differ.
    luck = (chosen - outside[:, best])[usable].mean(axis=0) if usable.any() else np.zeros(2)
    corrected = apparent[best] + luck
    return ChosenWinner(
        backbone=names[best],
        among=len(names),
        val_brier=float(apparent[best, 0]),
        val_brier_corrected=float(corrected[0]),
        val_accuracy=1 - float(apparent[best, 1]),
        val_accuracy_corrected=1 - float(corrected[1]),
    )


def _off(labels: Sequence[Label], codes: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Halved squared error of each image, and whether its prediction is incorrect: [2, L, N]."""
    squares, incorrect = [], []
    for _, (of_label, of_p) in by_label(labels, codes, p):
        squares.append(((of_p - np.eye(of_p.shape[1])[of_label]) ** 2).sum(axis=1) / 2)
        incorrect.append(decisions(of_p) != of_label)
    return np.stack([squares, incorrect]).astype(np.float64)


def _means(each: np.ndarray, has: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Both figures of each model, means over images by weight, then labels: [R, models, 2]."""
    with np.errstate(invalid="ignore"):
        sums = np.einsum("mfln,rn->rmfl", each * has, weights.astype(np.float64), optimize=True)
        return (sums / (weights @ has.T.astype(np.float64))[:, None, None]).mean(axis=3)
