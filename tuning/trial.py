"""One trial: warm the head up on frozen features, then train the last stages of the backbone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np

from tuning.metrics import accuracy, auc, brier, log_loss, sigmoid
from tuning.model import HeadConfig, TransferModel

BATCH = 32
HEAD_BATCH = 64
HEAD_RATE = 1e-3  # of the warm-up, on standardised features
HEAD_RATE_FACTOR = 10.0
HEAD_EPOCHS_FACTOR = 4
WARM_UP_SHARE = 0.1
LABEL_SMOOTHING = 0.05
# Bounded for each image, so that a few wrong labels do not decide, and finer than accuracy.
OBJECTIVE = "val_brier"


@dataclass(frozen=True)
class Hyperparameters:
    """What the search chooses.

    Attributes:
        depth: fine-tuning depth; the last `depth` stages train, 0 trains the head alone.
        learning_rate: peak rate of the fine-tuned stages; at depth 0 the head's is ten times it.
        head_units: width of the head's hidden layer, 0 for none.
        dropout: rate before each dense layer of the head.
    """

    depth: int
    learning_rate: float
    head_units: int
    dropout: float


@dataclass(frozen=True)
class Examples:
    """Cached activations with their labels.

    Attributes:
        views: per fine-tuning depth the arrays [N, ...] of each view, the plain one first.
        labels: float32 [N], 0 or 1.
        weights: float32 [N], of each example in the loss.
    """

    views: dict[int, list[np.ndarray]]
    labels: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class TrialResult:
    """What a trial reached: its best epoch on the validation split.

    Attributes:
        val_accuracy: at p = 0.5, 0..1.
        val_auc: area under the ROC curve, 0..1.
        val_brier: mean squared error of p_man (Brier, 1950), 0..1; the search's objective.
        val_loss: cross-entropy, nats.
        epochs: run, of the fine-tuned part (of the head at depth 0).
        seconds: wall time.
        history: a row an epoch.
    """

    hyperparameters: Hyperparameters
    val_accuracy: float
    val_auc: float
    val_brier: float
    val_loss: float
    epochs: int
    seconds: float
    history: list[dict[str, float]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


class Batches(keras.utils.PyDataset):
    """Batches of float32 activations, gathered from memory maps; each row from a random view.

    Args:
        views: arrays [N, ...] of the same images.
        examples: for labels and weights.
        batch: rows a batch.
        rng: for order and views; None keeps the order and takes the first view.
    """

    def __init__(
        self,
        views: Sequence[np.ndarray],
        examples: Examples,
        batch: int,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self._views = views
        self._examples = examples
        self._batch = batch
        self._rng = rng
        self._order = np.arange(len(examples))
        self._view = np.zeros(len(examples), dtype=np.int64)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = np.sort(self._order[index * self._batch : (index + 1) * self._batch])
        first = self._views[0]
        batch = np.empty((len(rows), *first.shape[1:]), dtype=_compute_dtype(first))
        chosen = self._view[rows]
        for number, view in enumerate(self._views):
            batch[chosen == number] = view[rows[chosen == number]]
        labels = self._examples.labels[rows, None]
        return batch, labels, self._examples.weights[rows]

    def on_epoch_end(self) -> None:
        """Draw a new order and new views."""
        if self._rng is None:
            return
        self._order = self._rng.permutation(len(self._examples))
        self._view = self._rng.integers(len(self._views), size=len(self._examples))


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
    rival: float | None = None,
    on_epoch: Callable[[int, int, dict[str, float]], None] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[TrialResult, keras.Model]:
    """Train one configuration, starting from the pretrained weights.

    Args:
        model: its layers are trained in place.
        hyperparameters: of this trial.
        train: activations to learn from.
        val: activations to stop and score on; the first view is used.
        statistics: mean and variance of the pooled features, float32 [C] each.
        epochs: of the fine-tuned stages; the head alone gets HEAD_EPOCHS_FACTOR times as many.
        patience: epochs without a better `OBJECTIVE` before it stops.
        seed: of initial weights, order, views and dropout.
        rival: `OBJECTIVE` to beat; the training stops when it no longer can, see `hopeless`.
        on_epoch: called with epochs done, epochs planned and the epoch's figures.
        callbacks: further Keras callbacks, such as TensorBoard's.

    Returns:
        the result and the trained tail, at its best epoch.

    Raises:
        DivergedError: the loss became infinite or not a number.
    """
    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model.restore()
    mean, variance = statistics
    hp = hyperparameters
    head = model.head(HeadConfig(hp.head_units, hp.dropout, mean, variance))
    if hp.depth == 0:
        phase = _Phase(HEAD_BATCH, hp.learning_rate * HEAD_RATE_FACTOR, HEAD_EPOCHS_FACTOR * epochs)
        tail = head
    else:
        warm_up = _Phase(HEAD_BATCH, HEAD_RATE, epochs)
        _fit(head, train, val, 0, warm_up, rng, patience, [])
        phase = _Phase(BATCH, hp.learning_rate, epochs)
        tail = model.tail(hp.depth, head)
    history = _fit(tail, train, val, hp.depth, phase, rng, patience, callbacks, on_epoch, rival)
    best = min(history, key=lambda row: row[OBJECTIVE])
    result = TrialResult(
        hp,
        val_accuracy=best["val_accuracy"],
        val_auc=best["val_auc"],
        val_brier=best["val_brier"],
        val_loss=best["val_loss"],
        epochs=len(history),
        seconds=time.perf_counter() - started,
        history=history,
    )
    return result, tail


def epoch_seconds(
    model: TransferModel, depth: int, train: Examples, statistics: tuple[np.ndarray, np.ndarray]
) -> float:
    """Estimate what one epoch at a depth takes from a few steps, after one to compile."""
    mean, variance = statistics
    tail = model.tail(depth, model.head(HeadConfig(0, 0.0, mean, variance)))
    _compile(tail, 1e-9)
    batches = Batches(train.views[depth], train, BATCH, np.random.default_rng(0))
    tail.train_on_batch(*batches[0])
    times = []
    for index in range(min(3, len(batches))):
        started = time.perf_counter()
        tail.train_on_batch(*batches[index])
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * len(batches)


@dataclass(frozen=True)
class _Phase:
    batch: int
    rate: float
    epochs: int


def _compile(
    tail: keras.Model, rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> None:
    tail.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=LABEL_SMOOTHING),
        weighted_metrics=[],
        jit_compile=False,
    )


def _fit(
    tail: keras.Model,
    train: Examples,
    val: Examples,
    depth: int,
    phase: _Phase,
    rng: np.random.Generator,
    patience: int,
    callbacks: Sequence[keras.callbacks.Callback],
    on_epoch: Callable[[int, int, dict[str, float]], None] | None = None,
    rival: float | None = None,
) -> list[dict[str, float]]:
    batches = Batches(train.views[depth], train, phase.batch, rng)
    steps = phase.epochs * len(batches)
    warm_up = max(1, int(WARM_UP_SHARE * steps))
    _compile(
        tail,
        keras.optimizers.schedules.CosineDecay(
            0.0, max(1, steps - warm_up), warmup_target=phase.rate, warmup_steps=warm_up
        ),
    )
    validation = _Validation(val, depth, phase.epochs, on_epoch, rival)
    best = keras.callbacks.EarlyStopping(
        OBJECTIVE, mode="min", patience=patience, restore_best_weights=True
    )
    tail.fit(batches, epochs=phase.epochs, verbose=0, callbacks=[validation, best, *callbacks])
    return validation.history


class _Validation(keras.callbacks.Callback):
    """Scores the validation split after each epoch, with scikit-learn's exact metrics."""

    def __init__(
        self,
        val: Examples,
        depth: int,
        epochs: int,
        on_epoch: Callable[[int, int, dict[str, float]], None] | None,
        rival: float | None,
    ) -> None:
        super().__init__()
        self._val = val
        self._depth = depth
        self._epochs = epochs
        self._on_epoch = on_epoch
        self._rival = rival
        self._started = 0.0
        self.history: list[dict[str, float]] = []

    def on_epoch_begin(self, *_: object) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs if logs is not None else {}
        logits = predict_logits(self.model, self._val, self._depth)
        if not np.isfinite(logits).all() or not np.isfinite(logs.get("loss", 0.0)):
            raise DivergedError(f"the loss diverged in epoch {epoch + 1}")
        labels, p_man = self._val.labels, sigmoid(logits)
        logs["val_accuracy"] = accuracy(labels, p_man)
        logs["val_auc"] = auc(labels, p_man)
        logs["val_brier"] = brier(labels, p_man)
        logs["val_loss"] = log_loss(labels, p_man)
        seconds = time.perf_counter() - self._started
        self.history.append({"epoch": epoch + 1, "seconds": seconds, **logs})
        if self._on_epoch:
            self._on_epoch(epoch + 1, self._epochs, logs)
        scores = [row[OBJECTIVE] for row in self.history]
        if self._rival is not None and hopeless(scores, self._epochs, self._rival):
            self.model.stop_training = True


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


def predict_logits(tail: keras.Model, examples: Examples, depth: int) -> np.ndarray:
    """Logits of the plain view, float32 [N]."""
    batches = Batches(examples.views[depth][:1], examples, 4 * BATCH)
    parts = [tail.predict_on_batch(batches[i][0]) for i in range(len(batches))]
    return np.concatenate(parts)[:, 0]


def _compute_dtype(view: Any) -> np.dtype:
    return np.dtype(np.uint8) if view.dtype == np.uint8 else np.dtype(np.float32)
