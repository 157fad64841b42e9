"""Batches by tf.data: the same as Keras would read, each epoch in a new order."""

import numpy as np

from tuning.training.batches import Batches, Examples
from tuning.training.feed import read_ahead


def batches(dtype: type = np.float16) -> Batches:
    rows = np.arange(10)
    views = [rows[:, None].astype(dtype), rows[:, None].astype(dtype) + dtype(100)]
    return Batches(Examples({1: views}, rows[:, None] * 7), 1, 4, np.random.default_rng(0))


def test_each_epoch_has_every_row_with_its_codes_in_a_new_order() -> None:
    pipeline = read_ahead(batches())
    epochs = []
    for _ in range(3):
        read = list(pipeline.as_numpy_iterator())
        assert [len(rows) for rows, _ in read] == [4, 4, 2]
        rows, codes = (np.concatenate(arrays)[:, 0] for arrays in zip(*read, strict=True))
        np.testing.assert_array_equal(rows % 100 * 7, codes)
        assert sorted(rows % 100) == list(range(10))
        epochs.append(rows.tolist())
    assert epochs[0] != epochs[1] != epochs[2]


def test_rows_travel_as_they_are_stored() -> None:
    for dtype in (np.float16, np.uint8):
        rows, _ = next(iter(read_ahead(batches(dtype))))
        assert rows.dtype == dtype


def test_keras_knows_the_number_of_steps() -> None:
    assert int(read_ahead(batches()).cardinality()) == 3
