"""Heads with a hidden layer, which have no closed form: trained alone, on features in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from data.progress import ProgressCallback
from tuning.backbones.transfer_model import TransferModel
from tuning.metrics import fit_calibrations
from tuning.runs.schema import Hyperparameters, Leg
from tuning.training import tail_weights
from tuning.training.batches import TrainingData
from tuning.training.loop import Loop, LoopConfig, beginning
from tuning.training.loss import LabelLoss
from tuning.training.predictions import predict_logits
from tuning.training.tail_graphs import Form, TailGraphs, tail_graphs
from tuning.training.tail_weights import TailWeights
from tuning.training.validation import improved, scored

BATCH_SIZE = 128
_LEARNING_RATE_FACTOR = 10.0  # of a head's learning rate to that of fine-tuned stages
_MANY_FEATURES = 2048  # from which on the learning rate falls with their number


@dataclass(frozen=True)
class HiddenHeadConfig:
    """How long a head trains.

    Attributes:
        epochs: Largest number of epochs.
        patience: Number of epochs without a better score after which it stops.
        seconds: Time after which it stops; one epoch is trained at any rate.
        seed: Seed of initial weights, order, views and dropout.

    Example:
        >>> HiddenHeadConfig(epochs=60, patience=8, seconds=30.0, seed=0).patience
        8
    """

    epochs: int
    patience: int
    seconds: float
    seed: int


@dataclass(frozen=True, eq=False)
class HiddenHead:
    """A trained head.

    Attributes:
        weights: Averaged weights behind its best epoch: kernel and bias of "hidden" and "logit",
            whose logits are calibrated.
        best: Figures of that epoch.
        history: Figures of all epochs.
    """

    weights: TailWeights
    best: Leg
    history: tuple[Leg, ...]


def fit_hidden_head(
    model: TransferModel,
    hyperparameters: Hyperparameters,
    data: TrainingData,
    config: HiddenHeadConfig,
    progress: ProgressCallback | None = None,
) -> HiddenHead:
    """Train a head with a hidden layer, until an epoch is the best for a while.

    Args:
        model: Backbone of the head; its weights are neither used nor changed.
        hyperparameters: Hyperparameters of the head, with a width of its hidden layer.
        data: Standardized features of each view, float32 [n, F], to learn from and to score on.
        config: How long to train.
        progress: Called with the number of epochs done, and the largest one.

    Raises:
        DivergedError: The loss became infinite or not a number.
    """
    started = time.perf_counter()
    graphs = tail_graphs(model, Form.of(hyperparameters, data.loss.width, data.train))
    features = data.train.views[0].shape[1]
    start = _start(features, hyperparameters.head_units, data.loss, config.seed)
    tail_weights.put(graphs.tail, start)
    loop = Loop(graphs, data, _loop_config(hyperparameters, features, config), beginning(graphs))
    history: list[Leg] = []
    while True:
        leg, logits = _epoch(loop, graphs, data, len(history) + 1)
        history.append(leg)
        if progress:
            progress(len(history), config.epochs)
        if improved(history):
            best, said = loop.averages(), logits
        is_over = len(history) >= config.epochs or time.perf_counter() - started >= config.seconds
        if is_over or _since_best(history) >= config.patience:
            break
    weights = _calibrated(best, data, said)
    return HiddenHead(weights, min(history, key=lambda leg: leg.val_brier), tuple(history))


def _epoch(
    loop: Loop, graphs: TailGraphs, data: TrainingData, number: int
) -> tuple[Leg, np.ndarray]:
    """Its figures, and the logits of the validation images."""
    started = time.perf_counter()
    loss = loop.run(len(data.train))
    with loop.averaged():
        logits = predict_logits(graphs.logits, data.val)
    leg = scored(
        data.loss.labels, data.val.codes, logits, leg=number, images=loop.images, loss=loss,
        seconds=time.perf_counter() - started,
    )  # fmt: skip
    return leg, logits


def _calibrated(weights: TailWeights, data: TrainingData, logits: np.ndarray) -> TailWeights:
    """Make its logits calibrated ones, as a closed-form head's are.

    A layer that knows its images by heart is so sure of others that float32 has no probability for
    it, and fine-tuning would begin with that.
    """
    labels = data.loss.labels
    fitted = fit_calibrations(labels, data.val.codes, logits)
    slopes = np.repeat([each.slope for each in fitted], [label.width for label in labels])
    biases = np.concatenate([each.bias for each in fitted])
    return weights | {
        "logit/kernel": np.asarray(weights["logit/kernel"] * slopes, np.float32),
        "logit/bias": np.asarray(weights["logit/bias"] * slopes + biases, np.float32),
    }


def _since_best(history: list[Leg]) -> int:
    scores = [leg.val_brier for leg in history]
    return len(scores) - 1 - int(np.argmin(scores))


def _loop_config(chosen: Hyperparameters, features: int, config: HiddenHeadConfig) -> LoopConfig:
    """A step moves what reaches the hidden layer by as much as there are features.

    So its learning rate falls with their number (Yang et al., 2021, "Tensor Programs V").
    """
    factor = _LEARNING_RATE_FACTOR * min(1.0, _MANY_FEATURES / features)
    return LoopConfig(factor * chosen.learning_rate, BATCH_SIZE, chosen.dropout, config.seed)


def _start(features: int, units: int, loss: LabelLoss, seed: int) -> TailWeights:
    """Random kernels (Glorot and Bengio, 2010), and the classes' frequencies as biases."""
    rng = np.random.default_rng(seed)

    def kernel(*shape: int) -> np.ndarray:
        limit = np.sqrt(6 / sum(shape))
        return rng.uniform(-limit, limit, shape).astype(np.float32)

    return {
        "hidden/kernel": kernel(features, units),
        "hidden/bias": np.zeros(units, np.float32),
        "logit/kernel": kernel(units, loss.width),
        "logit/bias": loss.prior,
    }
