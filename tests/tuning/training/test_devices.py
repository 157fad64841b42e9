"""Training on several devices: the processor, divided, stands for GPUs."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from tuning.tensorflow_import import import_tensorflow

SIZE = 64
EXAMPLES = 96
LEG = 64  # images: two batches, as float16 takes seconds for each on a processor


@dataclass(frozen=True)
class Trained:
    """What two legs left: losses, and some weights behind them."""

    losses: list[float]
    briers: list[float]
    kernel: np.ndarray
    average: np.ndarray


@pytest.fixture(scope="module")
def one() -> Trained:
    return on_devices(1, "float32")


def test_two_devices_train_what_one_trains(one: Trained) -> None:
    """A batch is no larger here: an epoch of so few examples must keep its steps."""
    two = on_devices(2, "float32")
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-3)
    np.testing.assert_allclose(two.briers, one.briers, rtol=1e-3)
    np.testing.assert_allclose(two.average, one.average, atol=1e-4)


def test_in_float16_they_train_as_well(one: Trained) -> None:
    half = on_devices(2, "mixed_float16")
    np.testing.assert_allclose(half.losses, one.losses, rtol=0.02)
    assert half.kernel.dtype == np.float32


def on_devices(devices: int, policy: str) -> Trained:
    """Train in a process of its own: TensorFlow divides the processor once, at its start."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(two_legs, devices, policy).result()


def two_legs(devices: int, policy: str) -> Trained:
    """Two legs, without dropout, which each device draws for itself."""
    import_tensorflow()
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [part] * devices)
    from tiny_training import chosen, head_start, training_data

    from tuning.training.devices import SharedBatch, strategy
    from tuning.training.legs import LegConfig, LegOutcome, fit_leg

    hyperparameters = chosen(stages=2, dropout=0.0)
    with strategy():
        assert SharedBatch.here(32, EXAMPLES).devices == devices
        model = random_model(policy)
        start = head_start(model, hyperparameters)
        data = training_data(model.shape(1), EXAMPLES, 25)
        outcomes: list[LegOutcome] = []
        for _ in range(2):
            before = outcomes[-1].checkpoint if outcomes else None
            leg = LegConfig(LEG, 1e9, 0, start, before)
            outcomes.append(fit_leg(model, hyperparameters, data, leg))
    state = outcomes[-1].checkpoint
    losses = [outcome.leg.loss for outcome in outcomes]
    briers = [outcome.leg.val_brier for outcome in outcomes]
    name = "inception_3a_1x1/kernel"
    return Trained(losses, briers, state.weights[name], state.average[name])


def random_model(policy: str) -> Any:
    from tuning.backbones import weights
    from tuning.backbones.registry import BACKBONES
    from tuning.backbones.transfer_model import TransferModel

    googlenet = BACKBONES["googlenet"]
    import keras

    keras.utils.set_random_seed(0)
    return TransferModel(googlenet, SIZE, weights.load(googlenet, "none"), policy)
