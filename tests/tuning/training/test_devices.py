"""Training on several devices: the processor, divided into two, stands for two GPUs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from small_search import SIZE, faces, small_context

from tuning import metrics
from tuning.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from tuning.search.context import SearchContext

BATCH = 32


@dataclass(frozen=True)
class Trained:
    """What a trial left: its figures, and the predictions for the validation images of a model that
    was made of its checkpoint without a strategy."""

    losses: list[float]
    val_brier: float
    p: np.ndarray


def test_two_devices_train_what_one_trains(tmp_path: Path) -> None:
    """One batch an epoch, for Keras draws the order of several anew on more than one device."""
    codes = faces(BATCH).manifest.query("split == 'val'")["label"].to_numpy()
    one, two = (on_devices(count, trials, tmp_path / f"{count}", BATCH) for count in (1, 2))
    for alone, mirrored in zip(one, two, strict=True):
        np.testing.assert_allclose(mirrored.losses, alone.losses, rtol=1e-3)
        np.testing.assert_allclose(mirrored.p, alone.p, atol=1e-3)
        for trained in (alone, mirrored):
            reloaded = metrics.brier(codes, trained.p)
            assert reloaded == pytest.approx(trained.val_brier, abs=2e-3)


def test_a_search_of_an_odd_number_of_images_on_two_devices(tmp_path: Path) -> None:
    facts, statuses = on_devices(2, whole_search, tmp_path, BATCH + 3)
    assert statuses == ["completed", "completed"]
    assert facts.labels[0].val.count == facts.labels[0].test.count == 25
    assert np.isfinite([epoch.loss for epoch in facts.history]).all()


def on_devices(devices: int, work: Callable[..., Any], folder: Path, images: int) -> Any:
    """Call `work` in a process of its own: TensorFlow divides the processor once, at its start."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, devices, folder, images).result()


def trials(devices: int, folder: Path, images: int) -> list[Trained]:
    """A trial at depth 0 and one at depth 1, after one that left the layers changed."""
    context, start = prepared(devices, folder, images)
    from tuning.backbones.transfer_model import TransferModel
    from tuning.runs.schema import Hyperparameters
    from tuning.search.steps import Steps, Training
    from tuning.search.winner import SavedTail, assemble, predict
    from tuning.training.trial import TrialConfig

    exact = TransferModel(googlenet(), SIZE, start)
    steps = Steps(context, googlenet(), start, context.progress)
    rows = np.flatnonzero(context.store.manifest["split"] == "val")
    checkpoint = folder / "tail.weights.h5"
    left = []
    for depth in (1, 0, 1):
        chosen = Hyperparameters(depth=depth, learning_rate=1e-5, head_units=8, dropout=0.0)
        trained = steps.train(Training(f"depth-{depth}", chosen, TrialConfig(2, 9, seed=0)))
        result = trained.result
        checkpoint.write_bytes(trained.tail or b"")
        saved = SavedTail(result, checkpoint)
        whole = assemble(exact, saved, context.labels)
        losses = [epoch.loss for epoch in result.history]
        p = predict(whole, context.labels, context.store.images, rows)
        left.append(Trained(losses, result.val_brier, p))
    return left[1:]


def whole_search(devices: int, folder: Path, images: int) -> tuple[Any, list[str]]:
    """A backbone's search to its winner; returns the winner's facts and how the trials ended."""
    context, start = prepared(devices, folder, images)
    from tuning.runs.leaderboard import write_leaderboard
    from tuning.search.backbone_search import search
    from tuning.search.engine import OneProcess

    facts = search(
        context, OneProcess(), googlenet(), start, None, lambda: write_leaderboard(context.run)
    )
    records = context.run.study(googlenet().name).trials()
    return facts, [f"{record.status} {record.note}".strip() for record in records]


def prepared(devices: int, folder: Path, images: int) -> tuple[SearchContext, Any]:
    """TensorFlow on a divided processor, a search of two trials, and random weights."""
    import_tensorflow()
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [part] * devices)
    from tuning.backbones import weights
    from tuning.training.devices import strategy

    with strategy():
        assert tf.distribute.get_strategy().num_replicas_in_sync == devices
    return small_context(folder, images), weights.load(googlenet(), "none")


def googlenet() -> Any:
    from tuning.backbones.registry import BACKBONES

    return BACKBONES["googlenet"]
