"""The steps of one backbone's search, as any process can do them for the driver of the run.

A step takes and returns records, arrays and bytes alone. It writes to the trunk cache and to
nothing else: the driver alone writes the run's folder.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import tensorflow as tf

from data.labels import codes_of
from data.rows import Rows
from data.splits import number_people
from tuning.backbones.operations import gmacs_of
from tuning.backbones.registry import Backbone
from tuning.backbones.transfer_model import TransferModel
from tuning.backbones.weights import Weights
from tuning.bars import Bars
from tuning.heads.solved_head import SolvedHead, solve
from tuning.progress import describe
from tuning.runs.schema import Hyperparameters, Leg, SearchImages, TrialResult
from tuning.search.context import StepContext
from tuning.search.winner import HELD_OUT, Evaluation, evaluate
from tuning.training import devices, tail_weights
from tuning.training.batches import ActivationArray, Examples, TrainingData
from tuning.training.checkpoint import Checkpoint
from tuning.training.legs import LegConfig, fit_leg
from tuning.training.loss import LabelLoss
from tuning.trunk.image_set import VIEWS, ImageSet, PixelView, View
from tuning.trunk.photo_views import PHOTO_VIEWS, PhotoView

_STEP = 3  # times the operations of a forward pass that a training step takes
_CHEAP = 0.2  # of a step's operations, that frozen stages may add to it
_SOLUTIONS = 3  # cubes of the rows that the solutions for all penalties take, about
_GATHERED = 1000  # operations in whose time a feature is read, averaged and standardized
_ANY_HEAD = 20.0  # operations in whose time the rest of any head is done, billions


@dataclass(frozen=True)
class Layout:
    """What a backbone gives at each cut, and what that takes.

    Attributes:
        shapes: Shape of the activations of one image, height, width, channels.
        grids: Grids that a head may have there.
        gmacs: Billions of multiplications and additions from the pixels to there; 0 for cut 0.
    """

    shapes: dict[int, tuple[int, int, int]]
    grids: dict[int, tuple[int, ...]]
    gmacs: dict[int, float]

    @classmethod
    def of(cls, model: TransferModel) -> Self:
        """Return what a model gives.

        Args:
            model: Model of the backbone at the size of the images, whatever its weights.
        """
        cuts = range(1, len(model.backbone.stages) + 1)
        return cls(
            shapes={cut: model.shape(cut) for cut in cuts},
            grids={cut: model.grids(cut) for cut in cuts},
            gmacs={0: 0.0} | {cut: gmacs_of(model.trunk([cut])) for cut in cuts},
        )

    def bytes_of(self, cut: int) -> int:
        """Return the size of one image's activations in one view, as they are cached.

        Args:
            cut: Cut above 0.
        """
        return np.dtype(np.float16).itemsize * math.prod(self.shapes[cut])

    def between(self, cut: int, stages: int) -> float:
        """Return the operations of the stages behind a cut, billions.

        Args:
            cut: Number of stages before them, from 0.
            stages: Number of stages with them.
        """
        return max(0.0, self.gmacs[stages] - self.gmacs[cut])

    def of_step(self, stages: int, depth: int) -> float:
        """Return the operations of a training step behind the cut for one image, billions.

        Args:
            stages: Number of stages in front of the head.
            depth: Number of these that train.
        """
        return _STEP * self.between(stages - depth, stages)

    def is_cheap_from_pixels(self, stages: int, depth: int) -> bool:
        """Whether frozen stages take little beside a training step: then each view can be new.

        Args:
            stages: Number of stages in front of the head.
            depth: Number of these that train.
        """
        return self.gmacs[stages - depth] <= _CHEAP * self.of_step(stages, depth)

    def first_cuts(self, backbone: Backbone) -> tuple[int, ...]:
        """Return the cuts that a search's first pass fills, in rising order.

        They are behind the first head, and below the first tuning unless that is from pixels.

        Args:
            backbone: Entry of the registry.
        """
        stages, depth, _ = backbone.tunings[0]
        from_pixels = self.is_cheap_from_pixels(stages, depth)
        below = set() if from_pixels else {stages - depth}
        return tuple(sorted({backbone.attach[0]} | below))

    def of_head(self, chosen: Hyperparameters, rows: int, scored: int) -> float:
        """Return the operations that solving a head takes, about, billions.

        Of few rows or features most of the time goes into gathering them and into what is the same
        for all heads; it counts as the operations that take as long.

        Args:
            chosen: Hyperparameters of the head.
            rows: Number of images to learn from, each view counted.
            scored: Number of images to score it on.
        """
        features = chosen.grid**2 * self.shapes[chosen.stages][-1]
        fewer = min(rows, features)
        products, solutions = rows * features * fewer, _SOLUTIONS * fewer**3
        return (products + solutions + _GATHERED * (rows + scored) * features) / 1e9 + _ANY_HEAD


@dataclass(frozen=True)
class Pass:
    """A pass of images through the frozen backbone, which fills the trunk cache.

    Attributes:
        split: Name of the split whose images pass.
        count: Number of the split's images, see `tuning.search.sample`.
        cuts: Cuts whose activations are kept, above 0.
        view: How the images are shown.
        shard: Number of the shard of the images that passes, None for all.
    """

    split: str
    count: int
    cuts: tuple[int, ...]
    view: View
    shard: int | None = None

    @property
    def title(self) -> str:
        """What passes, for people who watch."""
        mirrored = ", mirrored" if self.view == "mirrored" else ""
        return f"pass of {self.count:,} {self.split} images{mirrored}"


@dataclass(frozen=True)
class Head:
    """A head that is asked for.

    Attributes:
        name: Name of the trial in bars and logs, such as "trial 0003".
        hyperparameters: Where it sits, its grid and its size.
        images: Images to learn from, and to score it on.
        codes: Codes of all training images of the run where some are left out, int [N, L]; None
            for the manifest's.
    """

    name: str
    hyperparameters: Hyperparameters
    images: SearchImages
    codes: np.ndarray | None = None

    @property
    def title(self) -> str:
        """What is trained, for people who watch."""
        return f"{self.name} {describe(self.hyperparameters)}"


@dataclass(frozen=True)
class Tail:
    """A trained tail, or a head alone.

    Attributes:
        hyperparameters: Hyperparameters of its trial.
        weights: Weights of the tail, see `tuning.training.tail_weights`.
    """

    hyperparameters: Hyperparameters
    weights: bytes


@dataclass(frozen=True)
class Training(Head):
    """One leg of a training that is asked for.

    Attributes:
        start: What it begins with.
        checkpoint: How far it is, None at its beginning.
        leg: Number of images of the leg.
        seconds: Time after which the leg ends early.
    """

    start: Tail = field(kw_only=True)
    checkpoint: bytes | None = field(kw_only=True)
    leg: int = field(kw_only=True)
    seconds: float = field(kw_only=True)

    def result(self, history: Sequence[Leg]) -> TrialResult:
        """Return what the training has reached.

        Args:
            history: All its legs so far, at least one.
        """
        best = min(history, key=lambda leg: leg.val_brier)
        return TrialResult(
            hyperparameters=self.hyperparameters,
            score=best.val_brier,
            val_accuracy=best.val_accuracy,
            val_auc=best.val_auc,
            val_brier=best.val_brier,
            val_loss=best.val_loss,
            epochs=history[-1].images / self.images.train,
            seconds=sum(leg.seconds for leg in history),
            trained=self.images.train,
            history=tuple(history),
        )


@dataclass(frozen=True)
class Trained:
    """What came of a head, or of the legs of a training so far.

    Attributes:
        result: What it reached; its score is corrected by who knows the study, see `Trials`.
        tail: Weights of the tail at its best leg, see `tail_weights`; None where the last leg did
            not make it better.
        checkpoint: All that is needed to go on; None for a head.
        out_of_fold: Class probabilities of the training images by models that were solved without
            their person, float64 [n, K]; None where there are none.
    """

    result: TrialResult
    tail: bytes | None
    checkpoint: bytes | None = None
    out_of_fold: np.ndarray | None = None


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

    def layout(self) -> Layout:
        """Return what can be cut and where heads can sit."""
        return Layout.of(self.model)

    def make_pass(self, wanted: Pass) -> int:
        """Fill the trunk cache with activations; what it holds is not computed again.

        Args:
            wanted: Images, view and cuts.

        Returns:
            Number of images that had to pass.

        Raises:
            CacheError: The cache's budget or the disk is too small.
        """
        images = self._context.images(wanted.split, wanted.count)
        if wanted.shard is not None:
            images = images.shards()[wanted.shard]
        cache, views = self._context.cache, [wanted.view]
        missing = cache.count_missing(self.model, images, wanted.cuts, views)
        self.model.restore()
        cache.activations(self.model, images, wanted.cuts, views, self._bars.steps(wanted.title))
        return missing

    def fit_head(self, wanted: Head) -> Trained:
        """Solve a head in closed form, or train one with a hidden layer, on cached activations.

        Args:
            wanted: Head, and the images to learn from.

        Raises:
            DivergedError: The loss became infinite or not a number.
            CacheError: The cache's budget or the disk is too small.
        """
        started = time.perf_counter()
        head = self._head(wanted)
        result = head.result(wanted.hyperparameters, time.perf_counter() - started)
        return Trained(result, tail_weights.to_bytes(head.weights), out_of_fold=head.out_of_fold)

    def train(self, wanted: Training) -> Trained:
        """Train one leg, on cached activations or from pixels.

        Args:
            wanted: What to train, from where, and for how long.

        Raises:
            DivergedError: The loss became infinite or not a number.
            CacheError: The cache's budget or the disk is too small.
        """
        data = self._data(wanted, wanted.hyperparameters.cut)
        before = Checkpoint.from_bytes(wanted.checkpoint) if wanted.checkpoint else None
        start = tail_weights.from_bytes(wanted.start.weights) or {}
        config = LegConfig(wanted.leg, wanted.seconds, self._context.settings.seed, start, before)
        show = self._bars.steps(wanted.title, quiet=True)
        with devices.strategy():
            done = fit_leg(self._model_of_all_devices, wanted.hyperparameters, data, config, show)
        result = wanted.result(done.checkpoint.history)
        tail = None if done.tail is None else tail_weights.to_bytes(done.tail)
        return Trained(result, tail, done.checkpoint.to_bytes())

    def evaluate(self, wanted: Tail) -> Evaluation:
        """Make the whole float32 model of a tail, calibrated on validation images.

        Args:
            wanted: Trained tail.
        """
        chosen, weights = wanted.hyperparameters, tail_weights.from_bytes(wanted.weights)
        assert weights is not None, "a driver sends what it has read whole"
        held_out = {split: self._held_out(split, chosen.cut) for split in HELD_OUT}
        progress = self._bars.steps("winner on validation and test images")
        models = self.model, self._exact
        return evaluate(self._context, *models, chosen, weights, held_out, progress)

    def _head(self, wanted: Head) -> SolvedHead:
        context, images = self._context, wanted.images
        data = self._data(wanted, wanted.hyperparameters.stages)
        rows = context.images("train", images.train).rows
        people = number_people(context.store.manifest["identity"].iloc[rows])
        progress = self._bars.steps(wanted.title, quiet=True)
        chosen, seed = wanted.hyperparameters, context.settings.seed
        return solve(self.model, chosen, data, people, seed, progress)

    def _data(self, wanted: Head, cut: int) -> TrainingData:
        """What a training learns from and is scored on."""
        images, context = wanted.images, self._context
        of_train = context.images("train", images.train)
        codes = codes_of(context.store.manifest)[of_train.rows]
        if wanted.codes is not None:
            codes = wanted.codes[np.isin(context.images("train").rows, of_train.rows)]
        train = Examples(self._views(of_train, cut, images.views), codes)
        of_val = context.images("val", images.val)
        codes_of_val = codes_of(context.store.manifest)[of_val.rows]
        cached = bool(images.views) or self._has(of_val, cut)
        val = Examples([self._rows(of_val, cut, VIEWS[0], cached)], codes_of_val)
        return TrainingData(train, val, LabelLoss.of(context.labels, codes))

    def _views(self, images: ImageSet, cut: int, cached: int) -> list[ActivationArray]:
        """The views that are cached, or all there are where it is trained from pixels."""
        if cached:
            return [self._rows(images, cut, view, True) for view in VIEWS[:cached]]
        plain = [PixelView(images, view) for view in VIEWS]
        return [*plain, *(PhotoView(images, number) for number in range(PHOTO_VIEWS))]

    def _held_out(self, split: str, cut: int) -> Examples:
        """A whole split, as a winner is evaluated on it."""
        context = self._context
        images = context.images(split)
        rows = self._rows(images, cut, VIEWS[0], self._has(images, cut))
        return Examples([rows], codes_of(context.store.manifest)[images.rows])

    def _has(self, images: ImageSet, cut: int) -> bool:
        return bool(cut) and not self._context.cache.count_missing(
            self.model, images, [cut], VIEWS[:1]
        )

    def _rows(self, images: ImageSet, cut: int, view: View, cached: bool) -> ActivationArray:
        if not (cut and cached):
            return PixelView(images, view)
        key = (images.fingerprint, cut, view)
        if key not in self._open:
            activations = self._context.cache.activations(self.model, images, [cut], [view])
            self._open[key] = activations[cut, view]
        return self._open[key]

    @cached_property
    def model(self) -> TransferModel:
        """The model that trains, in the search's precision."""
        return self._model_here()

    @cached_property
    def _exact(self) -> TransferModel:
        """The model in float32, in which winners are saved: one for all of them."""
        settings = self._context.settings
        if settings.policy == "float32":
            return self.model
        return TransferModel(self._backbone, settings.size, self._weights)

    @cached_property
    def _model_of_all_devices(self) -> TransferModel:
        """A model of its own where several devices share its batches."""
        with devices.strategy():
            several = tf.distribute.get_strategy().num_replicas_in_sync > 1
            return self._model_here() if several else self.model

    def _model_here(self) -> TransferModel:
        settings = self._context.settings
        return TransferModel(self._backbone, settings.size, self._weights, settings.policy)
