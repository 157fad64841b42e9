"""The other side: plain Keras Tuner, as a competent user writes it.

A HyperModel on the same pretrained model with the same frozen layers and the same head, trained
from pixels by `fit`: same images, mirrored at random, class weights, loss, optimizer, learning rate
schedule, arithmetic and epochs. Keras Tuner keeps a checkpoint of each trial's best epoch, as it
does by default. The statistics that standardize the head's features are given to it for free.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

from benchmarks.trial_time import Laps, TimedTrial
from benchmarks.workload import Workload
from data import Label, class_weights
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.runs.schema import Calibration, Hyperparameters
from tuning.search.oracles import search_space
from tuning.training.schedule import LABEL_SMOOTHING, TrainingConfig
from tuning.training.trial import BATCH_SIZE, HEAD_LEARNING_RATE_FACTOR


def search(
    workload: Workload,
    name: str,
    statistics: FeatureStatistics,
    configurations: Sequence[dict[str, Any]],
    epochs: int,
) -> list[TimedTrial]:
    """Run a list of configurations.

    Args:
        workload: Images and weights of the benchmark.
        name: Name of the backbone.
        statistics: Mean and variance of the pooled features, for the head.
        configurations: Keras Tuner's values of each trial.
        epochs: Number of epochs of each trial.

    Returns:
        The trials, in order.

    Raises:
        RuntimeError: A trial failed.
    """
    depth = configurations[0]["depth"]
    keras.utils.set_random_seed(workload.settings.seed)
    tuner = _Tuner(
        _Listed(configurations),
        _Model(workload, name, statistics, epochs),
        directory=str(workload.folder / "plain"),
        project_name=f"{name}-depth-{depth}",
        overwrite=True,
    )
    codes = workload.store.manifest["label"]
    train = workload.store.manifest["split"] == "train"
    weights = class_weights(codes[train], len(workload.label.classes))
    tuner.begin()
    tuner.search(
        _dataset(workload, "train"), validation_data=_dataset(workload, "val"), epochs=epochs,
        class_weight=weights, shuffle=False, verbose=0,
    )  # fmt: skip
    return tuner.timed


class _Listed(keras_tuner.Oracle):
    """Hands out a list of configurations."""

    def __init__(self, configurations: Sequence[dict[str, Any]]) -> None:
        self._configurations = configurations
        super().__init__(
            objective="val_accuracy",
            max_trials=len(configurations),
            hyperparameters=search_space(max(1, configurations[0]["depth"])),
        )

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the next configuration; Keras Tuner stops at the end of the list."""
        return {"status": "RUNNING", "values": self._configurations[int(trial_id)]}


class _Model(keras_tuner.HyperModel):
    def __init__(
        self, workload: Workload, name: str, statistics: FeatureStatistics, epochs: int
    ) -> None:
        super().__init__()
        self._workload = workload
        self._backbone = BACKBONES[name]
        self._weights = workload.weights[name]
        self._statistics = statistics
        self._epochs = epochs

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        chosen = Hyperparameters.of(hp.values)
        settings = self._workload.settings
        transfer = TransferModel(self._backbone, settings.size, self._weights, settings.precision)
        label = self._workload.label
        head = transfer.head(
            HeadConfig(chosen.head_units, chosen.dropout, self._statistics, (0.0,) * label.width)
        )
        model = transfer.classifier(head, [label], [Calibration.none(label)])
        names = [layer.name for layer in model.layers]
        for layer in model.layers[: names.index(self._backbone.cut(chosen.depth)) + 1]:
            layer.trainable = False
        learning_rate = chosen.learning_rate * (1.0 if chosen.depth else HEAD_LEARNING_RATE_FACTOR)
        steps = -(-self._workload.images("train") // BATCH_SIZE)
        model.compile(
            keras.optimizers.Adam(
                TrainingConfig(chosen.depth, BATCH_SIZE, learning_rate, self._epochs).schedule(
                    steps
                )
            ),
            _loss(label),
            metrics=["accuracy"],
        )
        return model


def _loss(label: Label) -> keras.losses.Loss:
    losses = keras.losses
    kind = losses.BinaryCrossentropy if label.is_binary else losses.CategoricalCrossentropy
    return kind(label_smoothing=LABEL_SMOOTHING)


class _Tuner(keras_tuner.Tuner):
    def begin(self) -> None:
        """Start the clock."""
        self.timed: list[TimedTrial] = []
        self._laps = Laps()

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        histories = super().run_trial(trial, *args, **kwargs)
        self._training = time.perf_counter() - started
        self._epochs = len(histories[0].epoch)
        return histories

    def on_trial_end(self, trial: Any) -> None:
        super().on_trial_end(trial)
        seconds = self._laps.lap()
        ended = self.oracle.get_trial(trial.trial_id)
        if ended.status != "COMPLETED":
            last = (ended.message or "no message").strip().splitlines()[-1]
            raise RuntimeError(f"a trial of plain Keras Tuner failed: {last}")
        values = dict(trial.hyperparameters.values)
        self.timed.append(
            TimedTrial(values, float(ended.score), self._epochs, seconds, self._training)
        )


def _dataset(workload: Workload, split: str) -> tf.data.Dataset:
    """Batches of (uint8 [n, size, size, 3], float32 [n, width])."""
    rows = np.flatnonzero(workload.store.manifest["split"] == split)
    codes = workload.store.manifest["label"].to_numpy()[rows]
    targets = np.eye(len(workload.label.classes), dtype=np.float32)[codes]
    targets = targets[:, -workload.label.width :]  # of two classes the second
    images = tf.data.Dataset.from_tensor_slices((workload.store.images[rows], targets))
    if split == "train":
        images = images.shuffle(len(rows), seed=workload.settings.seed)
        images = images.map(
            lambda image, target: (tf.image.random_flip_left_right(image), target),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return images.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE)
