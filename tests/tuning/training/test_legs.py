"""A refit in legs that is stopped after each comes to what one without a stop does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from small_search import chosen, separable, training_data

from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.runs.schema import RefitPlan
from tuning.training import trial
from tuning.training.batches import TrainingData
from tuning.training.legs import Checkpoint, leg_rows
from tuning.training.trial import LegsConfig, TrialConfig

PLAN = RefitPlan(legs=4, legs_per_epoch=2)
TAIL = chosen(1, 3e-4, 8, 0.1)


@pytest.fixture
def data(model_of: Callable[[str], TransferModel]) -> TrainingData:
    model = model_of("googlenet")
    pooled = separable(80, model.features)
    shape = (80, *model.trunk([1]).outputs[0].shape[1:])
    cut = np.random.default_rng(0).normal(size=shape).astype(np.float16)
    examples = replace(pooled, views={**pooled.views, 1: [cut, -cut]})
    return training_data(examples, examples)


@pytest.fixture
def start(model_of: Callable[[str], TransferModel], data: TrainingData, tmp_path: Path) -> Path:
    config = TrialConfig(epochs=1, patience=9, seed=0)
    _, tail = trial.run(model_of("googlenet"), TAIL, data, config)
    path = tmp_path / "start.weights.h5"
    tail.save_weights(path)
    return path


def test_a_refit_that_is_stopped_after_each_leg_ends_as_one_that_is_not(
    model_of: Callable[[str], TransferModel], data: TrainingData, start: Path
) -> None:
    model = model_of("googlenet")

    def go_on(progress: Checkpoint, seconds: float) -> tuple[Checkpoint, list[np.ndarray]]:
        config = LegsConfig(start, progress, 3, seconds)
        progress, _, tail = trial.run_legs(model, TAIL, data, config)
        return progress, tail.get_weights()

    begin = Checkpoint(PLAN, 0.0, (), [], [], [])
    whole, expected = go_on(begin, np.inf)
    stopped, sessions = begin, 0
    while not stopped.ended:
        again = Checkpoint.from_bytes(stopped.to_bytes())
        assert again is not None
        stopped, weights = go_on(again, 0.0)
        sessions += 1
    assert sessions == PLAN.legs and whole.ended
    assert [leg.epoch for leg in stopped.history] == [1, 2, 3, 4]
    # Dropout draws anew in each session, from the session's first leg.
    for one, other in zip(whole.history, stopped.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=0.15)
    for one_weight, other_weight in zip(expected, weights, strict=True):
        np.testing.assert_allclose(one_weight, other_weight, atol=0.02)


def test_a_damaged_checkpoint_is_none() -> None:
    content = Checkpoint(PLAN, 1.0, (), [np.ones(9)], [], [np.ones(9)]).to_bytes()
    assert Checkpoint.from_bytes(content) is not None
    assert Checkpoint.from_bytes(content[: len(content) // 2]) is None
    assert Checkpoint.from_bytes(b"") is None
    assert Checkpoint.from_bytes(content.replace(b"legs_per_epoch", b"legs_per_xpoch")) is None


def test_legs_differ_from_epoch_to_epoch() -> None:
    first, later = leg_rows(100, PLAN, 0, seed=0), leg_rows(100, PLAN, 2, seed=0)
    assert len(first) == len(later) == 50
    assert first.tolist() != later.tolist()
    assert leg_rows(100, PLAN, 0, seed=0).tolist() == first.tolist()


def test_from_pixels_a_tail_learns_what_it_does_from_cached_activations(
    model_of: Callable[[str], TransferModel],
) -> None:
    model = model_of("googlenet")
    images = np.random.default_rng(0).integers(0, 256, (48, 64, 64, 3)).astype(np.uint8)
    pooled = separable(48, model.features)
    cut = np.asarray(keras.tree.flatten(model.trunk([1])(images))[0])
    trunk = [layer.get_weights() for layer in model.trunk([1]).layers]

    def losses(rows: np.ndarray) -> list[float]:
        examples = replace(pooled, views={**pooled.views, 1: [rows]})
        data = training_data(examples, examples)
        config = TrialConfig(epochs=3, patience=9, seed=0)
        result, _ = trial.run(model, chosen(1, 1e-4, 8, 0.0), data, config)
        return [value for epoch in result.history for value in (epoch.loss, epoch.val_loss)]

    cached, from_pixels = losses(cut), losses(images)
    assert from_pixels == pytest.approx(cached, rel=1e-4)
    assert losses(cut.astype(np.float16)) == pytest.approx(cached, rel=1e-2)
    for layer, before in zip(model.trunk([1]).layers, trunk, strict=True):
        for one, other in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    head = model.head(HeadConfig(0, 0.0, FeatureStatistics.neutral(model.features)))
    count = {depth: len(model.tail(depth, head).trainable_weights) for depth in (1, 2)}
    assert count[2] > count[1]  # a frozen trunk's layers are trained again by a deeper tail
