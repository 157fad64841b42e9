"""Trainings so small that a test can run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from data import GENDER, Label
from tuning.runs.schema import Hyperparameters

if TYPE_CHECKING:
    from tuning.backbones.transfer_model import TransferModel
    from tuning.training.batches import Examples, TrainingData
    from tuning.training.tail_weights import TailWeights


def chosen(**values: Any) -> Hyperparameters:
    """Hyperparameters of GoogLeNet's head behind stage 3, with the stage before it trained."""
    usual = {"stages": 3, "depth": 1, "grid": 1, "learning_rate": 3e-4, "head_units": 0}
    return Hyperparameters(**{**usual, "dropout": 0.1, **values})


def examples(
    shape: tuple[int, ...], count: int, labels: Sequence[Label] = (GENDER,), offset: float = 0.0
) -> Examples:
    """Activations in two views, whose mean tells the first label."""
    from tuning.training.batches import Examples

    rng = np.random.default_rng(count)
    codes = np.stack([rng.integers(0, len(label.classes), count) for label in labels], axis=1)
    first = codes[:, 0].reshape(-1, *[1] * len(shape))
    rows = (np.abs(rng.normal(size=(count, *shape))) + first + offset).astype(np.float16)
    return Examples([rows, rows[..., ::-1].copy()], codes)


def training_data(
    shape: tuple[int, ...],
    train: int,
    val: int = 40,
    labels: Sequence[Label] = (GENDER,),
    offset: float = 0.0,
) -> TrainingData:
    from tuning.training.batches import TrainingData
    from tuning.training.loss import LabelLoss

    learned = examples(shape, train, labels, offset)
    loss = LabelLoss.of(labels, learned.codes)
    return TrainingData(learned, examples(shape, val, labels, offset), loss)


def head_start(
    model: TransferModel, hyperparameters: Hyperparameters, bias: Sequence[float] = (0.0,)
) -> TailWeights:
    """Weights of a head that knows nothing yet."""
    features = model.features(hyperparameters.stages, hyperparameters.grid)
    return {
        "standardize/moving_mean": np.full(features, 0.5, np.float32),
        "standardize/moving_variance": np.ones(features, np.float32),
        "logit/kernel": np.zeros((features, len(bias)), np.float32),
        "logit/bias": np.float32(bias),
    }
