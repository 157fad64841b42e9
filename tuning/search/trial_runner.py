"""Runs the trials of one backbone: its model, its cached activations, its logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import keras
import numpy as np
import pandas as pd

from data.labels import codes_of, from_table
from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import FeatureStatistics, TransferModel
from tuning.backbones.weights import Weights
from tuning.progress import describe
from tuning.runs.schema import Epoch, Hyperparameters, TrialResult
from tuning.runs.settings import Settings
from tuning.search.context import SearchContext
from tuning.suspects.cross_validation import training_predictions
from tuning.suspects.left_out import counts_left_out, without_suspects
from tuning.training import devices, tensorboard, trial
from tuning.training.batches import ActivationArray, Examples, TrainingData
from tuning.training.loss import LabelLoss
from tuning.training.trial import TrialConfig
from tuning.trunk.image_set import VIEWS, PixelView, View


def search_model(settings: Settings, backbone: Backbone, weights: Weights) -> TransferModel:
    """Make the model that a search trains, in its precision, on all devices.

    Args:
        settings: Choices of the user, with size and precision.
        backbone: Entry of the registry.
        weights: Pretrained weights of the backbone.
    """
    with devices.strategy():
        return TransferModel(backbone, settings.size, weights, settings.precision)


class TrialRunner:
    """Trains configurations of one backbone on its cached activations.

    Making one runs the trunk over the images whose activations are not cached yet.

    Args:
        context: Run, data and settings.
        model: Model to train, with its pretrained weights.
        depths: Fine-tuning depths that will be asked for.

    Attributes:
        data: What the trials are trained and scored on.
    """

    def __init__(self, context: SearchContext, model: TransferModel, depths: Sequence[int]) -> None:
        self._context = context
        self._model = model
        self._backbone = model.backbone
        self._depths = depths
        self._study = context.run.study(self._backbone.name)
        train, val = self._examples("train", VIEWS), self._examples("val", VIEWS[:1])
        if context.settings.drop_suspects:
            train = self._without_suspects(train)
        pooled = cast("np.ndarray", train.views[0][0])  # cached at any rate
        loss = LabelLoss.of(context.labels, train.codes)
        self.data = TrainingData(train, val, FeatureStatistics.of(pooled), loss)

    def run(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> tuple[TrialResult, keras.Model]:
        """Train one configuration as a trial; it stops when it can't beat the best one so far.

        Args:
            hyperparameters: Values to train with, as the oracle chose them.
            epochs: Number of epochs of the fine-tuned stages.
            name: Name of the training in logs.

        Returns:
            The result, and the trained tail.

        Raises:
            DivergedError: The loss became infinite or not a number.
        """
        best = self._study.best()
        preset, settings = self._context.preset, self._context.settings
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

        Returns:
            The result, and the trained tail.

        Raises:
            DivergedError: The loss became infinite or not a number.
        """
        seed, start = self._context.settings.seed, self._study.best_weights
        return self._train(hyperparameters, TrialConfig(epochs, None, seed, start), "refit")

    def cross_validate(self) -> None:
        """Keep predictions for the training images, by which their labels are doubted."""
        self._out_of_fold(self.data.train)

    def _without_suspects(self, train: Examples) -> Examples:
        """Training examples without the labels that cross-validation doubts."""
        labels, predictions = self._context.labels, self._out_of_fold(train)
        codes = without_suspects(labels, train.codes, from_table(labels, predictions))
        counts = counts_left_out(labels, train.codes, codes)
        self._context.progress.say(f"  suspect training labels are left out: {counts}")
        return replace(train, codes=codes)

    def _out_of_fold(self, train: Examples) -> pd.DataFrame:
        manifest = self._context.store.manifest
        pooled = cast("Sequence[np.ndarray]", train.views[0])  # cached at any rate
        return training_predictions(
            self._study.out_of_fold,
            self._context.labels,
            manifest[manifest["split"] == "train"],
            pooled,
            self._context.settings.seed,
        )

    def _train(
        self, hyperparameters: Hyperparameters, config: TrialConfig, name: str
    ) -> tuple[TrialResult, keras.Model]:
        log = tensorboard.logger(self._context.run.tensorboard / f"{self._backbone.name}-{name}")
        show = self._context.progress.epochs(f"{name} {describe(hyperparameters)}")

        def on_epoch(epoch: Epoch, epochs: int) -> None:
            log(epoch, epochs)
            show(epoch, epochs)

        with devices.strategy():
            return trial.run(self._model, hyperparameters, self.data, config, on_epoch)

    def _examples(self, split: str, views: tuple[View, ...]) -> Examples:
        manifest = self._context.store.manifest
        images = self._context.images(split)
        frozen = [depth for depth in self._depths if depth < self._backbone.max_depth]
        progress = self._context.progress.steps(f"trunk, {split} images")
        cached = self._context.cache.activations(self._model, images, frozen, views, progress)
        by_depth: dict[int, list[ActivationArray]] = {
            d: [cached[d, v] for v in views] for d in frozen
        }
        if self._backbone.max_depth in self._depths:
            by_depth[self._backbone.max_depth] = [PixelView(images, view) for view in views]
        return Examples(by_depth, codes_of(manifest)[images.rows])
