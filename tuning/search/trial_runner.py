"""Runs the trials of one backbone: its model, its cached activations, its logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from data import ImageStore, class_weights
from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import TransferModel, pooled_statistics
from tuning.backbones.weights import Weights
from tuning.progress import Progress
from tuning.runs.run_folder import RunFolder
from tuning.runs.settings import Settings
from tuning.runs.trial_records import Hyperparameters, Records, TrialResult
from tuning.search.presets import Preset
from tuning.training import devices, tensorboard, trial
from tuning.training.batches import Examples
from tuning.trunk.cache import VIEWS, TrunkCache
from tuning.trunk.image_set import ImageSet, PixelView

REFIT = "refit"


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
        statistics: mean and variance of the pooled features, float32 [C] each.
    """

    def __init__(self, task: Task, model: TransferModel, depths: Sequence[int]) -> None:
        self._task = task
        self._model = model
        self._backbone = model.backbone
        self._depths = depths
        self._records = Records(task.run.study(self._backbone.name))
        self._train, self._val = self._examples("train", VIEWS), self._examples("val", VIEWS[:1])
        self.statistics = pooled_statistics(self._train.views[0][0])

    def run(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> tuple[TrialResult, keras.Model]:
        """Train one configuration; see `tuning.training.trial.run`.

        Args:
            hyperparameters: what to train.
            epochs: of the fine-tuned stages.
            name: of the training in logs; one named REFIT goes on from the best trial's weights.
        """
        best = self._records.best()
        log = tensorboard.logger(self._task.run.tensorboard / f"{self._backbone.name}-{name}")
        show = self._task.progress.epochs(name, hyperparameters)

        def on_epoch(epoch: int, epochs: int, figures: dict[str, float]) -> None:
            log(epoch, epochs, figures)
            show(epoch, epochs, figures)

        with devices.strategy():
            return trial.run(
                self._model,
                hyperparameters,
                self._train,
                self._val,
                self.statistics,
                epochs=epochs,
                patience=self._task.preset.patience,
                seed=self._task.settings.seed,
                start=self._records.weights if name == REFIT else None,
                rival=best.val_brier if best else None,
                on_epoch=on_epoch,
            )

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
