"""One trial: warm the head up on frozen features, then train the last stages of the backbone.

A refit trains a trial's tail on, in legs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from data import Label
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.metrics import mean_scores, probabilities
from tuning.runs.schema import Hyperparameters, TrialResult
from tuning.training.batches import Examples, TrainingData, predict_logits
from tuning.training.early_stopping import OnEpoch, Validation
from tuning.training.head import fit_head
from tuning.training.legs import Checkpoint, fit_legs, put_weights
from tuning.training.loss import LabelLoss
from tuning.training.schedule import TrainingConfig
from tuning.training.tail import fit_tail, predictor

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


@dataclass(frozen=True)
class LegsConfig:
    """Where a training in legs goes on, and for how long.

    Attributes:
        start: Weights file of the trained tail that it began with.
        progress: How far it is.
        seed: Seed of order, views and dropout.
        seconds: Time after which no new leg is begun.
    """

    start: Path
    progress: Checkpoint
    seed: int
    seconds: float


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
    trial = _begin(model, hyperparameters, data, config.seed)
    head_epochs = config.head_epochs_factor * config.epochs
    if hyperparameters.depth and config.start is None:
        warm_up = replace(config, epochs=head_epochs, score_to_beat=None)
        trial.train_head(WARM_UP_LEARNING_RATE, trial.validation(warm_up))
    trial, tail = trial.with_tail(config.start)
    if hyperparameters.depth:
        validation = trial.validation(config, on_epoch)
        fit_tail(
            trial.trained(tail), trial.data, trial.config(config.epochs), trial.rng, validation
        )
    else:
        validation = trial.validation(replace(config, epochs=head_epochs), on_epoch)
        trial.train_head(HEAD_LEARNING_RATE_FACTOR * hyperparameters.learning_rate, validation)
    return _result(hyperparameters, validation, time.perf_counter() - started), tail


def run_legs(
    model: TransferModel,
    hyperparameters: Hyperparameters,
    data: TrainingData,
    config: LegsConfig,
    on_epoch: OnEpoch | None = None,
) -> tuple[Checkpoint, TrialResult, keras.Model]:
    """Train a configuration on from a trained tail, leg by leg, until some time is over.

    Args:
        model: Backbone with pretrained weights; its layers are trained in place.
        hyperparameters: Hyperparameters of the tail.
        data: Activations or images to learn from, and to score on.
        config: Where to go on, and for how long.
        on_epoch: Called after each leg.

    Returns:
        How far the training is, its result so far, and the tail after its best leg.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    trial, tail = _begin(model, hyperparameters, data, config.seed).with_tail(config.start)
    legs = config.progress.plan.legs
    validation = trial.validation(TrialConfig(legs, None, config.seed), on_epoch)
    trained = trial.trained(tail)
    progress = fit_legs(
        trained,
        data,
        trial.config(legs),
        config.progress,
        config.seed,
        validation,
        config.seconds,
    )
    put_weights(trained, progress.best)
    return progress, _result(hyperparameters, validation, progress.seconds), tail


def score(
    model: TransferModel,
    result: TrialResult,
    weights: Path,
    val: Examples,
    labels: Sequence[Label],
) -> TrialResult:
    """Score a trained tail on examples.

    Args:
        model: Backbone with pretrained weights.
        result: What the tail's training reached.
        weights: Weights file of the tail.
        val: Examples to score on.
        labels: Labels that it has learned.

    Returns:
        The result with these figures.
    """
    data = TrainingData(
        val, val, FeatureStatistics.neutral(model.features), LabelLoss.of(labels, val.codes)
    )
    trial, tail = _begin(model, result.hyperparameters, data, seed=0).with_tail(weights)
    predict = predictor(trial.trained(tail))
    logits = predict_logits(predict, val, result.hyperparameters.depth)
    scores = mean_scores(labels, val.codes, probabilities(labels, logits))
    return result.model_copy(
        update={
            "val_accuracy": scores.accuracy,
            "val_auc": scores.auc,
            "val_brier": scores.brier,
            "val_loss": scores.log_loss,
        }
    )


def _begin(
    model: TransferModel, hyperparameters: Hyperparameters, data: TrainingData, seed: int
) -> _Trial:
    """Make a new head on the pretrained weights."""
    keras.utils.set_random_seed(seed)
    model.restore()
    units, dropout = hyperparameters.head_units, hyperparameters.dropout
    head = model.head(HeadConfig(units, dropout, data.statistics, tuple(data.loss.prior)))
    return _Trial(model, head, hyperparameters, data, np.random.default_rng(seed))


@dataclass(frozen=True)
class _Trial:
    model: TransferModel
    head: keras.Model
    hyperparameters: Hyperparameters
    data: TrainingData
    rng: np.random.Generator

    def with_tail(self, start: Path | None) -> tuple[_Trial, keras.Model]:
        """Make the tail, below the head as it is or with the weights of a trained one."""
        tail = self.model.tail(self.hyperparameters.depth, self.head)
        if start is None:
            return self, tail
        tail.load_weights(start)
        statistics = FeatureStatistics.of_head(self.head)
        return replace(self, data=replace(self.data, statistics=statistics)), tail

    def validation(self, config: TrialConfig, on_epoch: OnEpoch | None = None) -> Validation:
        patience = config.epochs if config.patience is None else config.patience
        labels, codes = self.data.loss.labels, self.data.val.codes
        return Validation(labels, codes, config.epochs, patience, config.score_to_beat, on_epoch)

    def train_head(self, learning_rate: float, validation: Validation) -> None:
        config = TrainingConfig(0, HEAD_BATCH_SIZE, learning_rate, validation.epochs)
        dropout = self.hyperparameters.dropout
        fit_head(self.head, dropout, self.data, config, self.rng, validation)

    def config(self, epochs: int) -> TrainingConfig:
        chosen = self.hyperparameters
        factor = 1 if chosen.depth else HEAD_LEARNING_RATE_FACTOR
        return TrainingConfig(chosen.depth, BATCH_SIZE, factor * chosen.learning_rate, epochs)

    def trained(self, tail: keras.Model) -> keras.Model:
        """The tail as its examples need it: behind its trunk where they are images."""
        depth = self.hyperparameters.depth
        if depth < self.model.backbone.max_depth and self.data.train.from_pixels(depth):
            return self.model.from_pixels(depth, tail)
        return tail


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
