"""Thirty trials in one process need the memory of three: nothing of a trial is kept."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tuning.tensorflow_import import import_tensorflow

TRIALS = 30
NOISE = 40e6  # bytes; a trial that made graphs of its own kept 147e6 of ResNet50


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's count of resident memory")
def test_thirty_trials_need_the_memory_of_three() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        resident = pool.submit(memory_behind_trials, TRIALS).result()
    assert resident[-1] - resident[2] < NOISE


def memory_behind_trials(trials: int) -> list[int]:
    """Resident memory behind each trial of two legs, bytes."""
    import_tensorflow()
    from tiny_training import chosen, head_start, training_data

    from tuning.backbones import weights
    from tuning.backbones.registry import BACKBONES
    from tuning.backbones.transfer_model import TransferModel
    from tuning.training.legs import LegConfig, fit_leg

    backbone = BACKBONES["googlenet"]
    model = TransferModel(backbone, 64, weights.load(backbone, "none"))
    data = training_data(model.shape(2), 32, 32)
    resident = []
    for trial in range(trials):
        values = {"learning_rate": 1e-4 * (trial + 1), "dropout": 0.01 * trial}
        hyperparameters = chosen(stages=3, depth=1, grid=1 + trial % 2, **values)
        start, before = head_start(model, hyperparameters), None
        for _ in range(2):
            leg = LegConfig(32, 1e9, trial, start, before)
            before = fit_leg(model, hyperparameters, data, leg).checkpoint
        resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
    return resident
