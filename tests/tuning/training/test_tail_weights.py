from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.backbones.head_features import FeatureStatistics
from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.training import tail_weights


@pytest.fixture
def model(model_of: Callable[[str], TransferModel]) -> TransferModel:
    return model_of("resnet50")


def head(model: TransferModel, bias: float = 0.0) -> object:
    statistics = FeatureStatistics.neutral(model.features(3, 1))
    return model.head(HeadConfig(3, 1, 0, 0.1, statistics, (bias,)))


def test_a_tail_has_the_names_of_its_layers(model: TransferModel) -> None:
    weights = tail_weights.of(model.tail(3, 1, head(model, 2.0)))
    assert weights["logit/bias"].tolist() == [2.0]
    assert {"conv3_block1_1_conv/kernel", "conv3_block1_1_bn/moving_mean"} < set(weights)
    assert not any(name.startswith(("conv1", "conv2", "conv4")) for name in weights)
    assert all(array.dtype == np.float32 for array in weights.values())


def test_a_deeper_tail_takes_a_heads_weights_and_keeps_pretrained_ones(
    model: TransferModel,
) -> None:
    solved = tail_weights.of(head(model, 3.0))
    tail = model.tail(3, 1, head(model))
    before = tail_weights.of(tail)
    tail_weights.put(tail, solved)
    after = tail_weights.of(tail)
    assert after["logit/bias"].tolist() == [3.0]
    for name in set(after) - set(solved):
        np.testing.assert_array_equal(after[name], before[name])


def test_weights_of_another_shape_are_an_error(model: TransferModel) -> None:
    with pytest.raises(ValueError, match="shape"):
        tail_weights.put(head(model), {"logit/bias": np.zeros(3, np.float32)})


WEIGHTS = {"a/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "b/bias": np.zeros(0, "f4")}
CONTENT = tail_weights.to_bytes(WEIGHTS)


def test_weights_come_back_from_their_bytes() -> None:
    again = tail_weights.from_bytes(CONTENT)
    assert again is not None and set(again) == set(WEIGHTS)
    np.testing.assert_array_equal(again["a/kernel"], WEIGHTS["a/kernel"])


@given(st.integers(0, len(CONTENT) - 1), st.binary(max_size=40))
def test_damaged_bytes_are_none_or_whole(cut: int, rest: bytes) -> None:
    again = tail_weights.from_bytes(CONTENT[:cut] + rest)
    assert again is None or all(array.dtype == np.float32 for array in again.values())


def test_objects_and_other_types_are_not_taken() -> None:
    assert tail_weights.from_bytes(tail_weights.to_bytes({"a/b": np.array([{}])})) is None
    assert tail_weights.from_bytes(tail_weights.to_bytes({"a/b": np.zeros(3)})) is None
