"""One trial: warm the head up on frozen features, then train the last stages of the backbone."""

from __future__ import annotations

import time
from pathlib import Path

import keras
import numpy as np

from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.runs.trial_records import Hyperparameters, TrialResult
from tuning.training.batches import Examples
from tuning.training.early_stopping import OnEpoch, Validation
from tuning.training.head import fit_head
from tuning.training.schedule import Phase
from tuning.training.tail import fit_tail

BATCH = 32
HEAD_BATCH = 128
HEAD_RATE = 1e-3  # of the warm-up, on standardised features
HEAD_RATE_FACTOR = 10.0
HEAD_EPOCHS_FACTOR = 6


def run(
    model: TransferModel,
    hyperparameters: Hyperparameters,
    train: Examples,
    val: Examples,
    statistics: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int,
    patience: int,
    seed: int,
    start: Path | None = None,
    rival: float | None = None,
    on_epoch: OnEpoch | None = None,
) -> tuple[TrialResult, keras.Model]:
    """Train one configuration: from the pretrained weights, or on from a trained tail's.

    Args:
        model: its layers are trained in place.
        hyperparameters: of this trial.
        train: activations to learn from.
        val: activations to stop and score on; the first view is used.
        statistics: mean and variance of the pooled features, float32 [C] each.
        epochs: of the fine-tuned stages; the head alone, at depth 0 or before them, gets
            HEAD_EPOCHS_FACTOR times as many.
        patience: epochs without a better score before it stops.
        seed: of initial weights, order, views and dropout.
        start: weights file of a trained tail to go on from: without a warm-up of the head, and to
            the end, as it gains most when the rate has decayed.
        rival: score to beat; the training stops when it no longer can.
        on_epoch: told of each epoch of the part that counts.

    Returns:
        the result and the trained tail, at its best epoch.

    Raises:
        DivergedError: the loss became infinite or not a number.
    """
    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model.restore()
    hp = hyperparameters
    head = model.head(HeadConfig(hp.head_units, hp.dropout, *statistics))
    head_epochs = HEAD_EPOCHS_FACTOR * epochs

    def train_head(rate: float, watch: Validation) -> None:
        phase = Phase(0, HEAD_BATCH, rate, head_epochs)
        fit_head(head, hp.dropout, statistics, train, val, phase, rng, watch)

    if hp.depth and start is None:
        train_head(HEAD_RATE, Validation(val.labels, head_epochs, patience))
    tail = model.tail(hp.depth, head)
    if hp.depth == 0:
        epochs = head_epochs
    if start:
        tail.load_weights(start)
        patience, rival = epochs, None
    validation = Validation(val.labels, epochs, patience, rival, on_epoch)
    if hp.depth == 0:
        train_head(HEAD_RATE_FACTOR * hp.learning_rate, validation)
    else:
        fit_tail(
            tail, train, val, Phase(hp.depth, BATCH, hp.learning_rate, epochs), rng, validation
        )
    best = validation.best
    result = TrialResult(
        hp,
        val_accuracy=best["val_accuracy"],
        val_auc=best["val_auc"],
        val_brier=best["val_brier"],
        val_loss=best["val_loss"],
        epochs=len(validation.history),
        seconds=time.perf_counter() - started,
        history=validation.history,
    )
    return result, tail
