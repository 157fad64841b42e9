"""What is read ahead comes in order, only a little before it is wanted, as it was stored."""

from itertools import count, islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.half_floats import tensor_of
from tuning.training.feed import read_ahead


def test_everything_comes_in_order() -> None:
    assert list(read_ahead(lambda key: key * 2, range(50))) == list(range(0, 100, 2))


def test_little_is_read_before_it_is_wanted() -> None:
    asked = []
    assert list(islice(read_ahead(asked.append, count()), 3)) == [None] * 3
    assert len(asked) < 10


def test_what_fails_to_be_read_is_an_error() -> None:
    def read(key: int) -> int:
        if key == 3:
            raise OSError("disk lost")
        return key

    reading = read_ahead(read, range(9))
    assert list(islice(reading, 3)) == [0, 1, 2]
    with pytest.raises(OSError, match="disk lost"):
        next(reading)


@given(st.lists(st.floats(width=16, allow_nan=False), min_size=1))
def test_a_tensor_of_float16_is_what_numpy_makes_of_it(values: list[float]) -> None:
    halves = np.array(values, np.float16)
    np.testing.assert_array_equal(tensor_of(halves).numpy(), halves.astype(np.float32))


def test_other_types_stay() -> None:
    for dtype in (np.uint8, np.int64, np.float32):
        assert tensor_of(np.zeros(3, dtype)).dtype.as_numpy_dtype is dtype
