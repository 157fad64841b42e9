from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tuning.backbones.transfer_model import FeatureStatistics, HeadConfig, TransferModel
from tuning.runs.schema import Hyperparameters, TrialResult
from tuning.training import trial
from tuning.training.batches import Batches, Examples, TrainingData
from tuning.training.early_stopping import DivergedError, Validation
from tuning.training.head import fit_head
from tuning.training.schedule import TrainingConfig
from tuning.training.trial import HEAD_EPOCHS_FACTOR, TrialConfig

RNG = np.random.default_rng(0)


def separable(count: int, channels: int) -> Examples:
    """Pooled features in two views whose first channels tell the label."""
    labels = RNG.integers(0, 2, count).astype(np.float32)
    features = RNG.random((count, channels)).astype(np.float16)
    features[:, :64] += labels[:, None] / 2
    weights = np.ones(count, dtype=np.float32)
    return Examples({0: [features, features]}, labels, weights)


def data_of(train: Examples, val: Examples) -> TrainingData:
    return TrainingData(train, val, FeatureStatistics.of(train.views[0][0]))


def chosen(depth: int, learning_rate: float, units: int, dropout: float) -> Hyperparameters:
    return Hyperparameters(
        depth=depth, learning_rate=learning_rate, head_units=units, dropout=dropout
    )


def test_batches_hold_every_row_once_in_either_view() -> None:
    plain = np.arange(10, dtype=np.float16)[:, None]
    examples = Examples({0: [plain, plain + 100]}, np.zeros(10, "f4"), np.ones(10, "f4"))
    batches = Batches(examples, 0, 4, np.random.default_rng(1))
    rows = np.concatenate([batches[index][0] for index in range(len(batches))])[:, 0]
    assert sorted(rows % 100) == list(range(10))
    assert {value >= 100 for value in rows} == {False, True}
    in_order = Batches(examples, 0, 4)
    np.testing.assert_array_equal(np.concatenate([in_order[i][0] for i in range(3)]), plain)


@pytest.mark.parametrize(("epochs", "batches"), [(1, 1), (1, 5), (3, 7), (20, 55)])
def test_rates_are_those_of_the_keras_schedule(epochs: int, batches: int) -> None:
    config = TrainingConfig(0, 8, 3e-3, epochs)
    schedule = config.schedule(batches)
    expected = [float(schedule(step)) for step in range(epochs * batches)]
    np.testing.assert_allclose(
        config.learning_rates(batches)[: len(expected)], expected, rtol=1e-4, atol=1e-9
    )


@pytest.mark.parametrize("units", [0, 16])
def test_a_head_learns_what_can_be_learned(
    units: int, model_of: Callable[[str], TransferModel]
) -> None:
    model = model_of("googlenet")
    train, val = separable(300, model.features), separable(100, model.features)
    hyperparameters = chosen(0, 5e-4, units, 0.1)
    result, tail = trial.run(model, hyperparameters, data_of(train, val), TrialConfig(6, 9, 0))
    assert result.val_accuracy > 0.9
    answers = tail.predict(val.views[0][0].astype(np.float32), verbose=0)[:, 0] > 0
    assert (answers == (val.labels == 1)).mean() == pytest.approx(result.val_accuracy)


def test_a_restart_goes_on_from_trained_weights(
    model_of: Callable[[str], TransferModel], tmp_path: Path
) -> None:
    model = model_of("googlenet")
    pooled = separable(40, model.features)
    shape = (40, *model.trunk([1]).outputs[0].shape[1:])
    cut = np.random.default_rng(0).normal(size=shape).astype(np.float16)
    examples = replace(pooled, views={**pooled.views, 1: [cut]})
    data = data_of(examples, examples)

    def train(learning_rate: float, start: Path | None) -> keras.Model:
        config = TrialConfig(epochs=1, patience=9, seed=0, start=start)
        return trial.run(model, chosen(1, learning_rate, 8, 0.1), data, config)[1]

    first = train(5e-4, None)
    first.save_weights(tmp_path / "tail.weights.h5")
    trained = first.get_weights()
    again = train(1e-9, tmp_path / "tail.weights.h5")
    for before, after in zip(trained, again.get_weights(), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_restart_runs_to_its_end(
    model_of: Callable[[str], TransferModel], tmp_path: Path
) -> None:
    model = model_of("googlenet")
    examples = separable(40, model.features)
    data = data_of(examples, examples)

    def train(config: TrialConfig) -> tuple[TrialResult, keras.Model]:
        return trial.run(model, chosen(0, 1e-9, 8, 0.1), data, config)

    result, head = train(TrialConfig(epochs=2, patience=1, seed=0, score_to_beat=0.0))
    assert result.epochs < 2 * HEAD_EPOCHS_FACTOR
    head.save_weights(tmp_path / "head.weights.h5")
    start = tmp_path / "head.weights.h5"
    result, _ = train(TrialConfig(epochs=2, patience=None, seed=0, start=start))
    assert result.epochs == 2 * HEAD_EPOCHS_FACTOR


def test_one_step_is_keras_adam_on_the_smoothed_loss(
    model_of: Callable[[str], TransferModel],
) -> None:
    """The head's own loop against `fit`, without dropout and shuffling."""
    model = model_of("googlenet")
    examples = separable(32, model.features)
    data = data_of(examples, examples)
    heads = [model.head(HeadConfig(8, 0.0, data.statistics)) for _ in range(2)]
    heads[1].set_weights(heads[0].get_weights())
    config = TrainingConfig(0, 32, 1e-3, 4)
    watch = Validation(examples.labels, 4, 9)
    fit_head(heads[0], 0.0, data, config, np.random.default_rng(0), watch)
    heads[1].compile(
        keras.optimizers.Adam(config.schedule(1)),
        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.05),
    )
    features = examples.views[0][0].astype(np.float32)
    heads[1].fit(features, examples.labels, batch_size=32, epochs=4, shuffle=False, verbose=0)
    for ours, theirs in zip(heads[0].get_weights(), heads[1].get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_a_diverged_loss_is_told() -> None:
    with pytest.raises(DivergedError, match="diverged in epoch 1"):
        Validation(np.array([0.0, 1.0]), 3, 2).epoch(np.array([np.nan, 1.0]), 0.3)


def test_patience_ends_a_training() -> None:
    watch = Validation(np.array([0.0, 1.0]), 9, patience=2)
    for spread, ended in ((2.0, False), (1.0, False), (0.5, True)):
        watch.epoch(np.array([-spread, spread]), 0.1)
        assert watch.ended is ended
    assert watch.best.epoch == 1


def test_the_same_seed_gives_the_same_trial(model_of: Callable[[str], TransferModel]) -> None:
    model = model_of("googlenet")
    train, val = separable(80, model.features), separable(40, model.features)
    data = data_of(train, val)
    results = [
        trial.run(model, chosen(0, 5e-4, 8, 0.3), data, TrialConfig(2, 9, seed))[0].val_brier
        for seed in (1, 1, 2)
    ]
    assert results[0] == results[1] != results[2]
