"""One trial: warm the head up on frozen features, then train the last stages of the backbone."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.runs.schema import Hyperparameters, TrialResult
from tuning.training.batches import TrainingData
from tuning.training.early_stopping import OnEpoch, Validation
from tuning.training.head import fit_head
from tuning.training.schedule import TrainingConfig
from tuning.training.tail import fit_tail

BATCH_SIZE = 32
HEAD_BATCH_SIZE = 128
WARM_UP_LEARNING_RATE = 1e-3  # of the head before a tail is trained, on standardized features
HEAD_LEARNING_RATE_FACTOR = 10.0
HEAD_EPOCHS_FACTOR = 6


@dataclass(frozen=True)
class TrialConfig:
    """How long a trial trains, and what it starts from.

    Attributes:
        epochs: Number of epochs of the fine-tuned stages.
        patience: Number of epochs without a better score before it stops, None to go to the end.
        seed: Seed of initial weights, order, views and dropout.
        start: Weights file of a trained tail to go on from, without a warm-up of the head; None to
            start from the pretrained weights.
        score_to_beat: Brier score of another training; the trial stops when it no longer can beat
            it. None to go on whatever it is.
        head_epochs_factor: How many times as many epochs the head alone trains, at depth 0 or
            before the stages.

    Example:
        >>> TrialConfig(epochs=2, patience=5, seed=0).head_epochs_factor
        6
    """

    epochs: int
    patience: int | None
    seed: int
    start: Path | None = None
    score_to_beat: float | None = None
    head_epochs_factor: int = HEAD_EPOCHS_FACTOR


def run(
    model: TransferModel,
    hyperparameters: Hyperparameters,
    data: TrainingData,
    config: TrialConfig,
    on_epoch: OnEpoch | None = None,
) -> tuple[TrialResult, keras.Model]:
    """Train one configuration: from the pretrained weights, or on from a trained tail's.

    Args:
        model: Backbone with pretrained weights; its layers are trained in place.
        hyperparameters: Hyperparameters that the search chose for the trial.
        data: Activations to learn from, and to stop and score on.
        config: How long to train, and from where.
        on_epoch: Called after each epoch of the part that counts.

    Returns:
        The result, and the trained tail at its best epoch.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    started = time.perf_counter()
    keras.utils.set_random_seed(config.seed)
    model.restore()
    chosen = hyperparameters
    head = model.head(
        HeadConfig(chosen.head_units, chosen.dropout, data.statistics, tuple(data.loss.prior))
    )
    trial = _Trial(head, hyperparameters, data, np.random.default_rng(config.seed))
    head_epochs = config.head_epochs_factor * config.epochs
    if hyperparameters.depth and config.start is None:
        warm_up = replace(config, epochs=head_epochs, score_to_beat=None)
        trial.train_head(WARM_UP_LEARNING_RATE, trial.validation(warm_up))
    tail = model.tail(hyperparameters.depth, head)
    if config.start:
        tail.load_weights(config.start)
    if hyperparameters.depth:
        validation = trial.validation(config, on_epoch)
        trial.train_tail(tail, validation)
    else:
        validation = trial.validation(replace(config, epochs=head_epochs), on_epoch)
        trial.train_head(HEAD_LEARNING_RATE_FACTOR * hyperparameters.learning_rate, validation)
    return _result(hyperparameters, validation, time.perf_counter() - started), tail


@dataclass(frozen=True)
class _Trial:
    head: keras.Model
    hyperparameters: Hyperparameters
    data: TrainingData
    rng: np.random.Generator

    def validation(self, config: TrialConfig, on_epoch: OnEpoch | None = None) -> Validation:
        patience = config.epochs if config.patience is None else config.patience
        labels, codes = self.data.loss.labels, self.data.val.codes
        return Validation(labels, codes, config.epochs, patience, config.score_to_beat, on_epoch)

    def train_head(self, learning_rate: float, validation: Validation) -> None:
        config = TrainingConfig(0, HEAD_BATCH_SIZE, learning_rate, validation.epochs)
        dropout = self.hyperparameters.dropout
        fit_head(self.head, dropout, self.data, config, self.rng, validation)

    def train_tail(self, tail: keras.Model, validation: Validation) -> None:
        chosen = self.hyperparameters
        config = TrainingConfig(chosen.depth, BATCH_SIZE, chosen.learning_rate, validation.epochs)
        fit_tail(tail, self.data, config, self.rng, validation)


def _result(
    hyperparameters: Hyperparameters, validation: Validation, seconds: float
) -> TrialResult:
    best = validation.best
    return TrialResult(
        hyperparameters=hyperparameters,
        val_accuracy=best.val_accuracy,
        val_auc=best.val_auc,
        val_brier=best.val_brier,
        val_loss=best.val_loss,
        epochs=len(validation.history),
        seconds=seconds,
        history=tuple(validation.history),
    )
