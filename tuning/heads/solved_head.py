"""A head on cached activations, with the weights that a tail begins with and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from data.progress import ProgressCallback
from data.rows import Rows
from tuning.backbones.head_features import FeatureStatistics, head_features
from tuning.backbones.transfer_model import TransferModel
from tuning.heads import closed_form
from tuning.heads.task import products
from tuning.metrics import MeanScores, mean_scores, probabilities
from tuning.runs.schema import Hyperparameters, Leg, TrialResult
from tuning.training.batches import ActivationArray, Examples, TrainingData
from tuning.training.hidden_head import HiddenHeadConfig, fit_hidden_head
from tuning.training.tail_weights import TailWeights

_MOST_NUMBERS = 1 << 27  # of features in float32, 0.5 GB; more are kept in float16
_EPOCHS, _PATIENCE, _SECONDS = 60, 8, 60.0  # of a head with a hidden layer


@dataclass(frozen=True, eq=False)
class SolvedHead:
    """A head, and what it says of the images.

    Attributes:
        weights: Its weights, as a tail takes them.
        val: Figures of its predictions for validation images.
        score: Brier score of the out-of-fold predictions for training images and the predictions
            for validation images together; of validation images alone where there are no others.
        out_of_fold: Class probabilities of the training images by heads that were solved without
            their person, float64 [n, K]; None of a head with a hidden layer.
        trained: Number of training images.
        rows: The same, each view counted.
    """

    weights: TailWeights
    val: MeanScores
    score: float
    out_of_fold: np.ndarray | None
    trained: int
    rows: int

    def result(self, hyperparameters: Hyperparameters, seconds: float) -> TrialResult:
        """Return the head's result as a trial's, of one leg.

        Args:
            hyperparameters: Hyperparameters of the trial.
            seconds: Wall time until it was solved.
        """
        figures = {
            "val_accuracy": self.val.accuracy,
            "val_auc": self.val.auc,
            "val_brier": self.val.brier,
            "val_loss": self.val.log_loss,
        }
        leg = Leg(leg=1, images=self.rows, seconds=seconds, loss=self.val.log_loss, **figures)
        return TrialResult(
            hyperparameters=hyperparameters,
            score=self.score,
            epochs=0,
            seconds=seconds,
            trained=self.trained,
            history=(leg,),
            **figures,
        )


def solve(
    model: TransferModel,
    hyperparameters: Hyperparameters,
    data: TrainingData,
    people: np.ndarray,
    seed: int,
    progress: ProgressCallback,
) -> SolvedHead:
    """Solve a head in closed form, or train one with a hidden layer.

    Args:
        model: Model whose head it is; its weights are neither used nor changed.
        hyperparameters: Stages, grid and size of the head.
        data: Activations behind the stages, to learn from and to score on.
        people: Number of the person in each training image, int [n].
        seed: Seed of the folds, or of the training.
        progress: Called with the number of parts done and of all.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    train, val = (_features(of.views, hyperparameters.grid) for of in (data.train, data.val))
    statistics = FeatureStatistics.of(train)
    for features in (train, val):
        statistics.standardize(features, out=features)
    weights: TailWeights = {
        "standardize/moving_mean": statistics.mean,
        "standardize/moving_variance": statistics.variance,
    }
    labels, codes = data.loss.labels, data.train.codes
    if not hyperparameters.head_units:
        solved = closed_form.solve(labels, train, codes, people, seed, progress)
        weights |= {"logit/kernel": solved.kernel, "logit/bias": solved.bias}
        logits = products(val, np.arange(len(val)), solved.kernel) + solved.bias
        return _scored(data, weights, logits, solved.out_of_fold)
    views = np.split(train, len(data.train.views))
    of_features = TrainingData(Examples(views, codes), Examples([val], data.val.codes), data.loss)
    config = HiddenHeadConfig(_EPOCHS, _PATIENCE, _SECONDS, seed)
    head = fit_hidden_head(model, hyperparameters, of_features, config, progress)
    return _trained(data, weights | head.weights, head.best)


def _trained(data: TrainingData, weights: TailWeights, best: Leg) -> SolvedHead:
    figures = MeanScores(
        accuracy=best.val_accuracy,
        auc=best.val_auc,
        brier=best.val_brier,
        log_loss=best.val_loss,
    )
    rows = len(data.train) * len(data.train.views)
    return SolvedHead(weights, figures, best.val_brier, None, len(data.train), rows)


def _scored(
    data: TrainingData, weights: TailWeights, val_logits: np.ndarray, out_of_fold: np.ndarray
) -> SolvedHead:
    labels, rows = data.loss.labels, len(data.train) * len(data.train.views)
    val = mean_scores(labels, data.val.codes, probabilities(labels, val_logits))
    p = probabilities(labels, out_of_fold)
    of_train = mean_scores(labels, data.train.codes, p)
    count = len(data.train) + len(data.val)
    score = (len(data.train) * of_train.brier + len(data.val) * val.brier) / count
    return SolvedHead(weights, val, score, p, len(data.train), rows)


def _features(views: Sequence[ActivationArray], grid: int) -> np.ndarray:
    """Features of all views, one behind the other, float32 or float16 [n, F]."""
    count, channels = len(views) * views[0].shape[0], views[0].shape[-1]
    numbers = count * grid**2 * channels
    dtype = np.float16 if numbers > _MOST_NUMBERS else np.float32
    features = np.empty((len(views), views[0].shape[0], grid**2 * channels), dtype)
    for view, out in zip(views, features, strict=True):
        head_features(cast("Rows", view), grid, out)
    return features.reshape(count, -1)
