"""Runs the trials of one backbone: its model, its cached activations, its logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from data import ImageStore, class_weights
from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import FeatureStatistics, TransferModel
from tuning.backbones.weights import Weights
from tuning.progress import Progress
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import Epoch, Hyperparameters, TrialResult
from tuning.runs.settings import Settings
from tuning.search.presets import Preset
from tuning.training import devices, tensorboard, trial
from tuning.training.batches import Examples, TrainingData
from tuning.training.trial import TrialConfig
from tuning.trunk.cache import VIEWS, TrunkCache
from tuning.trunk.image_set import ImageSet, PixelView


@dataclass(frozen=True)
class Task:
    """What every backbone's search works with."""

    run: RunFolder
    settings: Settings
    preset: Preset
    store: ImageStore
    cache: TrunkCache
    progress: Progress


def search_model(settings: Settings, backbone: Backbone, weights: Weights) -> TransferModel:
    """The model that a search trains, in its arithmetic, on all devices."""
    with devices.strategy():
        return TransferModel(backbone, settings.size, weights, settings.precision)


class TrialRunner:
    """Trains configurations of one backbone on its cached activations.

    Making one runs the trunk over the images whose activations are not cached yet.

    Args:
        task: run, data, settings.
        model: to train, with its pretrained weights.
        depths: fine-tuning depths that will be asked for.

    Attributes:
        data: What the trials are trained and scored on.
    """

    def __init__(self, task: Task, model: TransferModel, depths: Sequence[int]) -> None:
        self._task = task
        self._model = model
        self._backbone = model.backbone
        self._depths = depths
        self._study = task.run.study(self._backbone.name)
        train, val = self._examples("train", VIEWS), self._examples("val", VIEWS[:1])
        self.data = TrainingData(train, val, FeatureStatistics.of(train.views[0][0]))

    def run(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> tuple[TrialResult, keras.Model]:
        """Train one configuration as a trial; it stops when it can't beat the best one so far.

        Args:
            hyperparameters: What is tried.
            epochs: Number of epochs of the fine-tuned stages.
            name: Name of the training in logs.
        """
        best = self._study.best()
        preset, settings = self._task.preset, self._task.settings
        config = TrialConfig(
            epochs,
            preset.patience,
            settings.seed,
            score_to_beat=best.val_brier if best else None,
            head_epochs_factor=preset.head_epochs_factor,
        )
        return self._train(hyperparameters, config, name)

    def refit(
        self, hyperparameters: Hyperparameters, epochs: int
    ) -> tuple[TrialResult, keras.Model]:
        """Train the best trial on from its weights, to the end of all epochs.

        A refit gains most when the learning rate has decayed, so nothing stops it.

        Args:
            hyperparameters: Those of the best trial.
            epochs: Number of epochs of the fine-tuned stages.
        """
        seed, start = self._task.settings.seed, self._study.weights
        return self._train(hyperparameters, TrialConfig(epochs, None, seed, start), "refit")

    def _train(
        self, hyperparameters: Hyperparameters, config: TrialConfig, name: str
    ) -> tuple[TrialResult, keras.Model]:
        log = tensorboard.logger(self._task.run.tensorboard / f"{self._backbone.name}-{name}")
        show = self._task.progress.epochs(name, hyperparameters)

        def on_epoch(epoch: Epoch, epochs: int) -> None:
            log(epoch, epochs)
            show(epoch, epochs)

        with devices.strategy():
            return trial.run(self._model, hyperparameters, self.data, config, on_epoch)

    def _examples(self, split: str, views: tuple[str, ...]) -> Examples:
        manifest = self._task.store.manifest
        rows = np.flatnonzero(manifest["split"] == split)
        images = ImageSet.of(self._task.store.images, rows, self._task.store.fingerprint)
        frozen = [depth for depth in self._depths if depth < self._backbone.max_depth]
        cached = self._task.cache.activations(
            self._model, images, frozen, views, self._task.progress.steps(f"trunk, {split} images")
        )
        by_depth: dict[int, list[Any]] = {d: [cached[d, v] for v in views] for d in frozen}
        if self._backbone.max_depth in self._depths:
            by_depth[self._backbone.max_depth] = [PixelView(images, view) for view in views]
        labels = manifest["label"].to_numpy(dtype=np.float32)[rows]
        weight = class_weights(manifest["label"][manifest["split"] == "train"])
        weights = np.where(labels == 1, weight[1], weight[0]).astype(np.float32)
        return Examples(by_depth, labels, weights)
