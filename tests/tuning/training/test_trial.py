from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from small_search import chosen, separable, training_data

from tuning.backbones.transfer_model import TransferModel
from tuning.runs.schema import TrialResult
from tuning.training import trial
from tuning.training.trial import HEAD_EPOCHS_FACTOR, TrialConfig


@pytest.mark.parametrize("units", [0, 16])
def test_a_head_learns_what_can_be_learned(
    units: int, model_of: Callable[[str], TransferModel]
) -> None:
    model = model_of("googlenet")
    train, val = separable(300, model.features), separable(100, model.features)
    hyperparameters = chosen(0, 5e-4, units, 0.1)
    result, tail = trial.run(
        model, hyperparameters, training_data(train, val), TrialConfig(6, 9, 0)
    )
    assert result.val_accuracy > 0.9
    predictions = tail.predict(val.views[0][0].astype(np.float32), verbose=0)[:, 0] > 0
    assert (predictions == (val.codes[:, 0] == 1)).mean() == pytest.approx(result.val_accuracy)


def test_a_restart_goes_on_from_trained_weights(
    model_of: Callable[[str], TransferModel], tmp_path: Path
) -> None:
    model = model_of("googlenet")
    pooled = separable(40, model.features)
    shape = (40, *model.trunk([1]).outputs[0].shape[1:])
    cut = np.random.default_rng(0).normal(size=shape).astype(np.float16)
    examples = replace(pooled, views={**pooled.views, 1: [cut]})
    data = training_data(examples, examples)

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
    data = training_data(examples, examples)

    def train(config: TrialConfig) -> tuple[TrialResult, keras.Model]:
        return trial.run(model, chosen(0, 1e-9, 8, 0.1), data, config)

    result, head = train(TrialConfig(epochs=2, patience=1, seed=0, score_to_beat=0.0))
    assert result.epochs < 2 * HEAD_EPOCHS_FACTOR
    head.save_weights(tmp_path / "head.weights.h5")
    start = tmp_path / "head.weights.h5"
    result, _ = train(TrialConfig(epochs=2, patience=None, seed=0, start=start))
    assert result.epochs == 2 * HEAD_EPOCHS_FACTOR


def test_the_same_seed_gives_the_same_trial(model_of: Callable[[str], TransferModel]) -> None:
    model = model_of("googlenet")
    train, val = separable(80, model.features), separable(40, model.features)
    data = training_data(train, val)
    results = [
        trial.run(model, chosen(0, 5e-4, 8, 0.3), data, TrialConfig(2, 9, seed))[0].val_brier
        for seed in (1, 1, 2)
    ]
    assert results[0] == results[1] != results[2]
