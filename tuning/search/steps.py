"""The steps of one backbone's search, as any process can do them for the driver of the run.

A step takes and returns records and bytes alone. It writes to the trunk cache and to nothing else:
the driver alone writes the run's folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import keras
import numpy as np

from data.labels import codes_of
from data.splits import number_people
from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import FeatureStatistics, TransferModel
from tuning.backbones.weights import Weights
from tuning.bars import Bars
from tuning.progress import describe
from tuning.runs.schema import Hyperparameters, TrainingTime, TrialResult
from tuning.search.context import StepContext
from tuning.search.probe import Probe
from tuning.search.winner import Evaluation, SavedTail, evaluate
from tuning.suspects.cross_validation import out_of_fold
from tuning.training import devices, trial
from tuning.training.batches import ActivationArray, Examples, TrainingData
from tuning.training.loss import LabelLoss
from tuning.training.trial import TrialConfig
from tuning.trunk.image_set import VIEWS, ImageSet, PixelView, View

_WEIGHTS = "tail.weights.h5"


@dataclass(frozen=True)
class Measured:
    """How fast a backbone is in the process that was asked.

    Attributes:
        pass_seconds: Time of one image through the frozen backbone, seconds.
        training: Time of a training at the depth that was asked for.
    """

    pass_seconds: float
    training: TrainingTime


@dataclass(frozen=True)
class Training:
    """One training that a step is asked for.

    Attributes:
        name: Name of the training in bars and logs, such as "trial-03".
        hyperparameters: Values to train with.
        config: How long it trains.
        start: Weights of a trained tail to go on from, HDF5; None for the pretrained weights.
        codes: Codes of the training images where some are left out, int [n, L]; None for the
            manifest's.
    """

    name: str
    hyperparameters: Hyperparameters
    config: TrialConfig
    start: bytes | None = None
    codes: np.ndarray | None = None


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        result: What it reached.
        tail: Weights of the tail at its best epoch, HDF5; None where it did not beat
            `score_to_beat`.
    """

    result: TrialResult
    tail: bytes | None


class Steps:
    """What the search of a backbone asks of a process. What steps share is kept between them.

    Args:
        context: Data and settings.
        backbone: Entry of the registry.
        weights: Pretrained weights of the backbone.
        bars: Where passes and trainings show how far they are.
    """

    def __init__(
        self, context: StepContext, backbone: Backbone, weights: Weights, bars: Bars
    ) -> None:
        self._context = context
        self._backbone = backbone
        self._weights = weights
        self._bars = bars
        self._open: dict[tuple[str, int, View], np.ndarray] = {}

    def measure(self, depth: int) -> Measured:
        """Time the frozen backbone, and a training at a fine-tuning depth.

        Args:
            depth: Fine-tuning depth, 0..`max_depth`.
        """
        images = self._context.store.manifest["split"].value_counts()
        time = self._probe.training_time(depth, images["train"], images["val"])
        return Measured(self._probe.pass_seconds, time)

    def make_pass(
        self, split: str, depths: Sequence[int], views: Sequence[View], shard: int | None = None
    ) -> None:
        """Fill the trunk cache with activations; what it holds is not computed again.

        Args:
            split: Name of the split whose images pass.
            depths: Fine-tuning depths whose cuts are wanted, below `max_depth`.
            views: Views of the images.
            shard: Number of the shard of the split's images that passes, None for all.

        Raises:
            CacheError: The cache's budget or the disk is too small.
        """
        images = self._context.images(split)
        if shard is not None:
            images = images.shards()[shard]
        progress = self._bars.steps(f"trunk, {split} images")
        self._context.cache.activations(self.model, images, depths, views, progress)

    def count_missing(self, split: str, depths: Sequence[int], views: Sequence[View]) -> int:
        """Count the passes of one image in one view that `make_pass` would have to make.

        Args:
            split: Name of the split whose images pass.
            depths: Fine-tuning depths whose cuts are wanted, below `max_depth`.
            views: Views of the images.
        """
        images = self._context.images(split)
        return self._context.cache.count_missing(self.model, images, depths, views)

    def train(self, training: Training) -> Trained:
        """Train one configuration on cached activations.

        Args:
            training: What to train, from where, and for how long.

        Raises:
            DivergedError: The loss became infinite or not a number.
            CacheError: The cache's budget or the disk is too small.
        """
        depths = sorted({0, training.hyperparameters.depth})
        data = self.data(depths, training.codes)
        show = self._bars.epochs(f"{training.name} {describe(training.hyperparameters)}")
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, _WEIGHTS)
            config = replace(training.config, start=path if training.start else None)
            if training.start:
                path.write_bytes(training.start)
            with devices.strategy():
                result, tail = trial.run(self.model, training.hyperparameters, data, config, show)
            to_beat = config.score_to_beat
            if to_beat is not None and result.val_brier >= to_beat:
                return Trained(result, None)
            return Trained(result, self.tail_weights(tail, path))

    def out_of_fold(self) -> np.ndarray:
        """Predict the training images by models that were trained without their person.

        Returns:
            Class probabilities, float64 [n, K], NaN where no model could be asked, see
            `tuning.suspects.cross_validation`.
        """
        manifest, train = self._context.store.manifest, self.data([0]).train
        views = [np.asarray(view, np.float32) for view in cast("list[np.ndarray]", train.views[0])]
        people = number_people(manifest["identity"][manifest["split"] == "train"])
        labels, seed = self._context.labels, self._context.settings.seed
        return out_of_fold(labels, np.mean(views, axis=0), train.codes, people, seed)

    def evaluate(self, result: TrialResult, tail: bytes) -> Evaluation:
        """Make the whole float32 model of a tail, calibrated on validation images.

        Args:
            result: What the tail's training reached.
            tail: Weights of the tail, HDF5.
        """
        exact = TransferModel(self._backbone, self._context.settings.size, self._weights)
        statistics = self.data([0]).statistics
        progress = self._bars.steps("validation and test images")
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, _WEIGHTS)
            path.write_bytes(tail)
            saved = SavedTail(result, path, statistics)
            return evaluate(self._context.store, self._context.labels, exact, saved, progress)

    def data(self, depths: Sequence[int], codes: np.ndarray | None = None) -> TrainingData:
        """Return what trainings learn from and are scored on.

        Args:
            depths: Fine-tuning depths that are trained at, 0 among them.
            codes: Codes of the training images where some are left out, int [n, L]; None for the
                manifest's.
        """
        train = self._examples("train", depths, VIEWS)
        val = self._examples("val", depths, VIEWS[:1])
        if codes is not None:
            train = replace(train, codes=codes)
        pooled = cast("np.ndarray", train.views[0][0])  # cached at any rate
        loss = LabelLoss.of(self._context.labels, train.codes)
        return TrainingData(train, val, FeatureStatistics.of(pooled), loss)

    def tail_weights(self, tail: keras.Model, path: Path) -> bytes:
        """Return the weights of a trained tail, HDF5.

        Args:
            tail: Trained tail.
            path: Path of a file that may be overwritten.
        """
        path.unlink(missing_ok=True)
        tail.save_weights(path)
        return path.read_bytes()

    @cached_property
    def model(self) -> TransferModel:
        """The model that trains, in the search's precision."""
        settings = self._context.settings
        with devices.strategy():
            return TransferModel(self._backbone, settings.size, self._weights, settings.precision)

    @cached_property
    def _probe(self) -> Probe:
        context, depths = self._context, range(self._backbone.max_depth + 1)
        possible = depths[: len(context.preset.trials)]
        return Probe(self.model, context.store, context.labels, possible)

    def _examples(self, split: str, depths: Sequence[int], views: tuple[View, ...]) -> Examples:
        images = self._context.images(split)
        by_depth: dict[int, list[ActivationArray]] = {
            depth: [self._activations(images, split, depth, view) for view in views]
            for depth in depths
        }
        return Examples(by_depth, codes_of(self._context.store.manifest)[images.rows])

    def _activations(self, images: ImageSet, split: str, depth: int, view: View) -> ActivationArray:
        if depth == self._backbone.max_depth:
            return PixelView(images, view)
        if (split, depth, view) not in self._open:
            cached = self._context.cache.activations(self.model, images, [depth], [view])
            self._open[split, depth, view] = cached[depth, view]
        return self._open[split, depth, view]
