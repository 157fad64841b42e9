"""The last training on several devices: larger batches, a larger rate, weights of one device."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuning.tensorflow_import import import_tensorflow

EXAMPLES = 2051  # odd, so that devices leave some out


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[float], Path]:
    """Brier scores after each epoch of one device, and the weights that it leaves."""
    weights = tmp_path_factory.mktemp("alone") / "tail.weights.h5"
    scores, _ = on_devices(1, "float32", None, weights)
    return scores, weights


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_four_devices_go_on_from_the_weights_of_one(
    policy: str, alone: tuple[list[float], Path], tmp_path: Path
) -> None:
    scores, weights = alone
    shared, optimizer = on_devices(4, policy, weights, tmp_path / "tail.weights.h5")
    assert shared[0] < 1.2 * scores[-1]  # its first epoch keeps what one device has reached
    assert shared[-1] < 1.05 * scores[-1]
    assert optimizer == ("Adam" if policy == "float32" else "LossScaleOptimizer")


def on_devices(devices: int, policy: str, start: Path | None, left: Path) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(training, devices, policy, start, left).result()


def training(devices: int, policy: str, start: Path | None, left: Path) -> tuple[list[float], str]:
    """Train three epochs from random weights or from `start`; returns the Brier score of each."""
    import_tensorflow()
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [part] * devices)
    import keras

    from data import GENDER
    from tuning.backbones.transfer_model import FeatureStatistics
    from tuning.training import tail as tails
    from tuning.training.batches import Examples, TrainingData
    from tuning.training.devices import SharedBatch, strategy
    from tuning.training.early_stopping import Validation
    from tuning.training.feed import read_ahead
    from tuning.training.loss import LabelLoss
    from tuning.training.schedule import TrainingConfig

    tails.feed = read_ahead  # as on GPUs
    rng = np.random.default_rng(0)
    codes = rng.integers(2, size=(EXAMPLES, 1))
    rows = (rng.normal(size=(EXAMPLES, 4, 4, 8)) + codes[:, :, None, None] / 2).astype(np.float16)
    examples = Examples({1: [rows, rows[:, :, ::-1]]}, codes)
    statistics = FeatureStatistics.of(rows.mean((1, 2)))
    data = TrainingData(examples, examples, statistics, LabelLoss.of([GENDER], codes))
    validation = Validation([GENDER], codes, 3, 3)
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    with strategy():
        assert SharedBatch.here(16, EXAMPLES).devices == devices
        image = keras.Input((4, 4, 8))
        features = keras.layers.Conv2D(8, 3, activation="relu")(image)
        pooled = keras.layers.GlobalAveragePooling2D(dtype="float32")(features)
        tail = keras.Model(image, keras.layers.Dense(1, dtype="float32")(pooled))
        if start:
            tail.load_weights(start)
        config = TrainingConfig(1, 16, 3e-3, 3)
        tails.fit_tail(tail, data, config, np.random.default_rng(1), validation)
    tail.save_weights(left)
    return [epoch.val_brier for epoch in validation.history], type(tail.optimizer).__name__


def test_a_model_of_one_device_is_not_trained_on_all(tmp_path: Path) -> None:
    """Why the last training makes a new model: Keras refuses the one of the trials."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        said = pool.submit(train_outside_model, 2).result()
    assert "scope" in said


def train_outside_model(devices: int) -> str:
    import_tensorflow()
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [part] * devices)
    import keras

    from tuning.training.devices import strategy

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with strategy():
        try:
            model.compile("adam", "mse")
            model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
        except (ValueError, RuntimeError) as error:
            return str(error)
    return "trained"
