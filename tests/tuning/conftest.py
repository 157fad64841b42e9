from collections.abc import Callable
from functools import lru_cache

import pytest

from tuning.backbones import weights
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.tensorflow_import import import_tensorflow


@pytest.fixture(scope="session", autouse=True)
def tensorflow() -> None:
    import_tensorflow()


@pytest.fixture(scope="session")
def model_of() -> Callable[[str], TransferModel]:
    """A backbone with random weights at 64 px, made once; restored by who asks for it."""

    @lru_cache
    def make(name: str) -> TransferModel:
        return TransferModel(BACKBONES[name], 64, weights.load(BACKBONES[name], "none"))

    def restored(name: str) -> TransferModel:
        model = make(name)
        model.restore()
        return model

    return restored
