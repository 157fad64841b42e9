"""A search so small that a test can run it, and what its parts make: trials, results, tails.

TensorFlow is imported by the functions that need it and not before: a test divides the processor
among devices first.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rich.console import Console

from data import GENDER, ImageStore, Label
from data.labels import class_slices
from tuning.runs.schema import Hyperparameters, Leg, TrialRecord, TrialResult

if TYPE_CHECKING:
    from tuning.search.context import SearchContext
    from tuning.training.batches import Examples, TrainingData

SIZE = 64
RNG = np.random.default_rng(0)


def small_context(folder: Path, images: int, console: Console | None = None) -> SearchContext:
    """A search of GoogLeNet at 64 px on `images` faces in noise, which soon converges."""
    from tuning.progress import Progress
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.settings import Settings
    from tuning.search.context import SearchContext
    from tuning.search.presets import Preset
    from tuning.trunk.cache import TrunkCache

    settings = Settings(data="", backbones=("googlenet",), preset="tiny", size=SIZE, weights="none")
    preset = Preset("tiny", SIZE, patience=1, challengers=1)
    cache = TrunkCache(folder / "cache", 1 << 30)
    run, progress = RunFolder(folder / "run"), Progress(console)
    return SearchContext(
        settings=settings, preset=preset, labels=(GENDER,), store=faces(images), cache=cache,
        run=run, progress=progress,
    )  # fmt: skip


def faces(train: int) -> ImageStore:
    """Bright men and dark women in noise: `train` images to learn from, 25 each to test on."""
    splits = ["train"] * train + ["val"] * 25 + ["test"] * 25
    labels = np.arange(len(splits)) % 2
    noise = np.random.default_rng(0).integers(0, 120, (len(splits), SIZE, SIZE, 3))
    images = (noise + 100 * labels[:, None, None, None]).astype(np.uint8)
    manifest = pd.DataFrame({"path": "", "label": labels, "identity": pd.NA, "split": splits})
    return ImageStore(images, manifest, (), f"faces {train}", SIZE, "stretch")


def chosen(
    depth: int,
    learning_rate: float = 3e-4,
    head_units: int = 0,
    dropout: float = 0.1,
    stages: int = 3,
    grid: int = 1,
) -> Hyperparameters:
    return Hyperparameters(
        stages=stages, depth=depth, grid=grid, learning_rate=learning_rate,
        head_units=head_units, dropout=dropout,
    )  # fmt: skip


def history(*accuracies: float) -> tuple[Leg, ...]:
    """Legs of a thousand images and a second each."""
    return tuple(
        Leg(
            leg=i + 1, images=1000 * (i + 1), seconds=1.0, loss=0.3, val_accuracy=value,
            val_auc=0.9, val_brier=1 - value, val_loss=0.3,
        )
        for i, value in enumerate(accuracies)
    )  # fmt: skip


def result_of(
    hyperparameters: Hyperparameters,
    *accuracies: float,
    brier: float | None = None,
    seconds: float = 2.0,
    trained: int = 1000,
) -> TrialResult:
    """The result of a training with these accuracies behind its legs, or of a head with one."""
    best = max(accuracies, default=0.8)
    brier = 1 - best if brier is None else brier
    return TrialResult(
        hyperparameters=hyperparameters, score=brier, val_accuracy=best, val_auc=0.9,
        val_brier=brier, val_loss=0.3, epochs=1000 * len(accuracies) / trained, seconds=seconds,
        trained=trained, history=history(*accuracies),
    )  # fmt: skip


def completed(
    trial: str, depth: int, *accuracies: float, ended: str = "converged", stages: int = 3
) -> TrialRecord:
    """A trial that has ended, or goes on where that is empty."""
    result = result_of(chosen(depth, stages=stages), *accuracies)
    values = result.hyperparameters.model_dump()
    return TrialRecord(trial=trial, values=values, result=result, ended=ended)


def failed(trial: str, why: str) -> TrialRecord:
    return TrialRecord(trial=trial, values=chosen(1).model_dump(), result=None, ended=why)


class Landscape:
    """Stands for training: the score is a known function of the hyperparameters."""

    def __init__(self) -> None:
        self.seen: list[Hyperparameters] = []

    def __call__(self, hyperparameters: Hyperparameters, epochs: int, name: str) -> TrialResult:
        self.seen.append(hyperparameters)
        brier = self.brier(hyperparameters)
        return result_of(hyperparameters, brier=brier, epochs=epochs, seconds=0.1)

    def brier(self, hp: Hyperparameters) -> float:
        if hp.depth == 2:
            raise RuntimeError("out of memory")
        return 0.2 - 0.05 * hp.depth


def run_study(
    landscape: Landscape,
    folder: Path,
    algorithm: str,
    depths: tuple[int, ...],
    stop_after: int = 99,
    slots: int = 1,
    seed: int = 3,
) -> list[TrialRecord]:
    """Search a landscape, to the end of the plan or until so many trials have been seen."""
    from tuning.runs.study_folder import StudyFolder
    from tuning.search import oracles, study
    from tuning.search.steps import Trained

    folder.mkdir(exist_ok=True)
    epochs = 9
    oracle = oracles.create(
        algorithm, depths, epochs, seed, lambda: len(landscape.seen) >= stop_after
    )
    trained: list[tuple[Future[Trained], tuple[Hyperparameters, int, str]]] = []

    def start(hyperparameters: Hyperparameters, epochs: int, name: str) -> Future[Trained]:
        """One that ends at once, or when all slots are taken, the last one first."""
        trained.append((Future(), (hyperparameters, epochs, name)))
        future = trained[-1][0]
        if len(trained) == slots:
            while trained:
                _train(landscape, *trained.pop())
        return future

    def finished(_: TrialRecord) -> None:
        while trained:
            _train(landscape, *trained.pop())

    return study.search(start, StudyFolder(folder), oracle, epochs, finished, lambda: slots)


def _train(
    landscape: Landscape, future: Future[Any], arguments: tuple[Hyperparameters, int, str]
) -> None:
    from tuning.search.steps import Trained

    try:
        future.set_result(Trained(landscape(*arguments), b"weights"))
    except Exception as error:
        future.set_exception(error)


def separable(count: int, channels: int, labels: Sequence[Label] = (GENDER,)) -> Examples:
    """Pooled features in two views, in which 64 channels a class tell each label."""
    from tuning.training.batches import Examples

    codes = np.stack([RNG.integers(0, len(label.classes), count) for label in labels], axis=1)
    features = RNG.random((count, channels)).astype(np.float16)
    for label, at in zip(range(len(labels)), class_slices(labels), strict=True):
        for code in range(1, at.stop - at.start):
            channel = 64 * (at.start + code - 1)
            features[codes[:, label] == code, channel : channel + 64] += np.float16(0.5)
    return Examples({0: [features, features]}, codes)


def training_data(
    train: Examples, val: Examples, labels: Sequence[Label] = (GENDER,)
) -> TrainingData:
    from tuning.backbones.transfer_model import FeatureStatistics
    from tuning.training.batches import TrainingData
    from tuning.training.loss import LabelLoss

    loss = LabelLoss.of(labels, train.codes)
    return TrainingData(train, val, FeatureStatistics.of(train.views[0][0]), loss)
