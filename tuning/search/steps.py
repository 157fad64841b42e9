"""The steps of one backbone's search, as any process can do them for the driver of the run.

A step takes and returns records and bytes alone. It writes to the trunk cache and to nothing else:
the driver alone writes the run's folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import keras
import numpy as np
import tensorflow as tf

from data.labels import codes_of
from data.rows import Rows
from data.splits import number_people
from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import FeatureStatistics, TransferModel
from tuning.backbones.weights import Weights
from tuning.bars import Bars
from tuning.progress import describe
from tuning.runs.schema import Hyperparameters, RefitPlan, SearchImages, TrialResult
from tuning.search.context import StepContext
from tuning.search.probe import Probe
from tuning.search.winner import Evaluation, SavedTail, evaluate
from tuning.suspects.cross_validation import MeanOf, out_of_fold
from tuning.training import devices, trial
from tuning.training.batches import ActivationArray, Examples, TrainingData
from tuning.training.legs import Checkpoint
from tuning.training.loss import LabelLoss
from tuning.training.trial import LegsConfig, TrialConfig
from tuning.trunk.forward_pass import pooled_features
from tuning.trunk.image_set import VIEWS, ImageSet, PixelView, View

_WEIGHTS = "tail.weights.h5"


@dataclass(frozen=True)
class Measured:
    """How fast a backbone is in the process that was asked, and what it keeps on disk.

    Attributes:
        pass_seconds: Time of one image through the frozen backbone, seconds.
        step: Time of a training at the depth that was asked for: until its first step, and of
            one image, seconds.
        bytes: Size of the activations of one image in one view at each depth below `max_depth`.
    """

    pass_seconds: float
    step: tuple[float, float]
    bytes: tuple[int, ...]


@dataclass(frozen=True)
class Training:
    """One training that a step is asked for.

    Attributes:
        name: Name of the training in bars and logs, such as "trial-03".
        hyperparameters: Values to train with.
        config: How long it trains.
        images: Images to train and to score on; None for all, with both views cached.
        start: Weights of a trained tail to go on from, HDF5; None for the pretrained weights.
        codes: Codes of all training images of the run where some are left out, int [N, L]; None
            for the manifest's.
    """

    name: str
    hyperparameters: Hyperparameters
    config: TrialConfig
    images: SearchImages | None = None
    start: bytes | None = None
    codes: np.ndarray | None = None

    @property
    def title(self) -> str:
        """What is trained, for people who watch."""
        return f"{self.name} {describe(self.hyperparameters)}"


@dataclass(frozen=True)
class Refit:
    """The training of a winner's tail on all images, in legs.

    Attributes:
        hyperparameters: Values of the best trial.
        images: Images to train on, and those on which each leg is scored.
        plan: Legs of the training.
        seed: Seed of order, views and dropout.
        start: Weights of the best trial's tail, HDF5.
        codes: As in `Training`.
    """

    hyperparameters: Hyperparameters
    images: SearchImages
    plan: RefitPlan
    seed: int
    start: bytes
    codes: np.ndarray | None = None

    @property
    def title(self) -> str:
        """What is trained, for people who watch."""
        return f"refit {describe(self.hyperparameters)}"


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


@dataclass(frozen=True)
class RefitPart:
    """How far a refit has come.

    Attributes:
        checkpoint: All that is needed to go on, see `tuning.training.legs.Checkpoint`.
        trained: What came of it, None before its end.
    """

    checkpoint: bytes
    trained: Trained | None


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
        self._open: dict[tuple[str, int, View], Rows] = {}  # by fingerprint of the images

    def measure(self, depth: int) -> Measured:
        """Time the frozen backbone, and a training at a fine-tuning depth.

        Args:
            depth: Fine-tuning depth, 0..`max_depth`.
        """
        step = self._probe.step_time(depth)
        return Measured(self._probe.pass_seconds, step, self._probe.bytes)

    def make_pass(
        self,
        split: str,
        depths: Sequence[int],
        views: Sequence[View],
        shard: int | None = None,
        count: int | None = None,
    ) -> None:
        """Fill the trunk cache with activations; what it holds is not computed again.

        Args:
            split: Name of the split whose images pass.
            depths: Fine-tuning depths whose cuts are wanted, below `max_depth`.
            views: Views of the images.
            shard: Number of the shard of the images that passes, None for all.
            count: Number of the split's images that pass, None for all.

        Raises:
            CacheError: The cache's budget or the disk is too small.
        """
        images = self._context.images(split, count)
        if shard is not None:
            images = images.shards()[shard]
        progress = self._bars.steps(f"trunk, {split} images")
        self._context.cache.activations(self.model, images, depths, views, progress)

    def count_missing(
        self,
        split: str,
        depths: Sequence[int],
        views: Sequence[View],
        count: int | None = None,
    ) -> int:
        """Count the passes of one image in one view that `make_pass` would have to make.

        Args:
            split: Name of the split whose images pass.
            depths: Fine-tuning depths whose cuts are wanted, below `max_depth`.
            views: Views of the images.
            count: Number of the split's images that pass, None for all.
        """
        images = self._context.images(split, count)
        return self._context.cache.count_missing(self.model, images, depths, views)

    def train(self, training: Training) -> Trained:
        """Train one configuration, on cached activations or from pixels.

        Args:
            training: What to train, from where, and for how long.

        Raises:
            DivergedError: The loss became infinite or not a number.
            CacheError: The cache's budget or the disk is too small.
        """
        depths = sorted({0, training.hyperparameters.depth})
        data = self.data(depths, training.codes, training.images)
        show = self._bars.epochs(training.title)
        with _on_disk(training.start) as path:
            config = replace(training.config, start=path if training.start else None)
            result, tail = trial.run(self.model, training.hyperparameters, data, config, show)
            to_beat = config.score_to_beat
            if to_beat is not None and result.val_brier >= to_beat:
                return Trained(result, None)
            return Trained(result, self.tail_weights(tail, path))

    def train_on(self, refit: Refit, checkpoint: bytes | None, seconds: float) -> RefitPart:
        """Train a winner's tail on all images, by all devices, for some time or to the end.

        Args:
            refit: What to train, and from where.
            checkpoint: How far it is, None at its beginning.
            seconds: Time after which no new leg is begun.

        Raises:
            DivergedError: The loss became infinite or not a number.
        """
        data = self.data([refit.hyperparameters.depth], refit.codes, refit.images, held=False)
        kept = Checkpoint.from_bytes(checkpoint) if checkpoint else None
        progress = kept or Checkpoint(refit.plan, 0.0, (), [], [], [])
        show = self._bars.epochs(refit.title)
        with _on_disk(refit.start) as path:
            config = LegsConfig(path, progress, refit.seed, seconds)
            with devices.strategy():
                progress, result, tail = trial.run_legs(
                    self._model_of_all_devices, refit.hyperparameters, data, config, show
                )
            trained = Trained(result, self.tail_weights(tail, path)) if progress.ended else None
        return RefitPart(progress.to_bytes(), trained)

    def score(self, result: TrialResult, tail: bytes) -> TrialResult:
        """Score a tail on all validation images.

        Args:
            result: What its training reached on a sample of them.
            tail: Weights of the tail, HDF5.

        Returns:
            The same result with the figures of all.
        """
        images = self._context.images("val")
        pixels = SearchImages(train=1, val=len(images), views=())
        val = self._examples("val", [result.hyperparameters.depth], pixels, held=False)
        with _on_disk(tail) as path:
            return trial.score(self.model, result, path, val, self._context.labels)

    def out_of_fold(self, images: SearchImages | None = None) -> np.ndarray:
        """Predict training images by models that were trained without their person.

        Args:
            images: Images of the search, None for all.

        Returns:
            Class probabilities, float64 [n, K], NaN where no model could be asked, see
            `tuning.suspects.cross_validation`.
        """
        context = self._context
        images = images or context.all_images(self._backbone.max_depth)
        train = self._examples("train", [0], images)
        rows = context.images("train", images.train).rows
        people = number_people(context.store.manifest["identity"].iloc[rows])
        features = MeanOf(train.views[0])
        return out_of_fold(context.labels, features, train.codes, people, context.settings.seed)

    def evaluate(self, result: TrialResult, tail: bytes) -> Evaluation:
        """Make the whole float32 model of a tail, calibrated on validation images.

        Args:
            result: What the tail's training reached.
            tail: Weights of the tail, HDF5.
        """
        exact = TransferModel(self._backbone, self._context.settings.size, self._weights)
        progress = self._bars.steps("validation and test images")
        with _on_disk(tail) as path:
            saved = SavedTail(result, path)
            return evaluate(self._context.store, self._context.labels, exact, saved, progress)

    def data(
        self,
        depths: Sequence[int],
        codes: np.ndarray | None = None,
        images: SearchImages | None = None,
        held: bool = True,
    ) -> TrainingData:
        """Return what trainings learn from and are scored on.

        Args:
            depths: Fine-tuning depths that are trained at; where 0 is not among them, a head has
                its statistics from a trained one.
            codes: Codes of all training images of the run where some are left out, int [N, L];
                None for the manifest's.
            images: Images to train and to score on; None for all, with both views cached.
            held: Whether pooled features that are not cached are held in memory.
        """
        images = images or self._context.all_images(self._backbone.max_depth)
        train = self._examples("train", depths, images, held)
        if codes is not None:
            every, rows = (self._context.images("train", n).rows for n in (None, images.train))
            train = replace(train, codes=codes[np.isin(every, rows)])
        loss = LabelLoss.of(self._context.labels, train.codes)
        statistics = FeatureStatistics.neutral(self.model.features)
        if 0 in depths and not train.from_pixels(0):
            statistics = FeatureStatistics.of(cast("np.ndarray", train.views[0][0]))
        val = self._examples("val", depths, images, held)
        return TrainingData(train, val, statistics, loss)

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
        return self._model_here()

    @cached_property
    def _model_of_all_devices(self) -> TransferModel:
        """A model of its own where several devices share its batches."""
        with devices.strategy():
            several = tf.distribute.get_strategy().num_replicas_in_sync > 1
            return self._model_here() if several else self.model

    def _model_here(self) -> TransferModel:
        settings = self._context.settings
        return TransferModel(self._backbone, settings.size, self._weights, settings.policy)

    @cached_property
    def _probe(self) -> Probe:
        context, depths = self._context, range(self._backbone.max_depth + 1)
        possible = depths[: len(context.preset.trials)]
        return Probe(self.model, context.store, context.labels, possible)

    def _examples(
        self, split: str, depths: Sequence[int], images: SearchImages, held: bool = True
    ) -> Examples:
        of_split = self._context.images(split, images.train if split == "train" else images.val)
        by_depth: dict[int, list[ActivationArray]] = {}
        for depth in depths:
            cached = images.cached(depth)
            views = VIEWS[: cached or len(VIEWS)] if split == "train" else VIEWS[:1]
            if cached:
                by_depth[depth] = [self._cached(of_split, depth, view) for view in views]
            elif depth == 0 and held:
                by_depth[depth] = [self._held(of_split, view) for view in views]
            else:
                by_depth[depth] = [PixelView(of_split, view) for view in views]
        return Examples(by_depth, codes_of(self._context.store.manifest)[of_split.rows])

    def _cached(self, images: ImageSet, depth: int, view: View) -> Rows:
        key = (images.fingerprint, depth, view)
        if key not in self._open:
            cached = self._context.cache.activations(self.model, images, [depth], [view])
            self._open[key] = cached[depth, view]
        return self._open[key]

    def _held(self, images: ImageSet, view: View) -> Rows:
        """Pooled features for which the cache is too small, of the few images of a search."""
        key = (images.fingerprint, 0, view)
        if key not in self._open:
            self.model.restore()
            self._open[key] = pooled_features(self.model, images, view)
        return self._open[key]


@contextmanager
def _on_disk(weights: bytes | None) -> Iterator[Path]:
    """A file for weights while the block lasts, with those that have arrived: Keras reads files."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, _WEIGHTS)
        if weights:
            path.write_bytes(weights)
        yield path
