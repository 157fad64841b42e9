"""Rows in several files against one array in memory."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.rows import JoinedRows, shards_of

LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(sum)


def parts_of(lengths: list[int]) -> list[np.ndarray]:
    whole = np.arange(2 * sum(lengths), dtype=np.float16).reshape(-1, 2)
    return np.split(whole, np.cumsum(lengths)[:-1])


@given(lengths=LENGTHS, data=st.data())
def test_any_index_gives_what_one_array_gives(lengths: list[int], data: st.DataObject) -> None:
    parts = parts_of(lengths)
    joined, whole = JoinedRows(parts), np.concatenate(parts)
    n = len(whole)
    row = st.integers(-n, n - 1)
    bound = st.none() | st.integers(-2 * n, 2 * n)
    step = st.none() | st.integers(-3, 3).filter(bool)
    index: Any = data.draw(
        row
        | st.lists(row, max_size=12).map(lambda rows: np.array(rows, dtype=np.int64))
        | st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)
        | st.builds(slice, bound, bound, step)
    )
    found = joined[index]
    assert type(found) is np.ndarray and found.dtype == whole.dtype
    np.testing.assert_array_equal(found, whole[index])
    assert (joined.shape, joined.dtype, len(joined)) == (whole.shape, whole.dtype, n)
    np.testing.assert_array_equal(joined, whole)
    np.testing.assert_array_equal(list(joined), whole)


@pytest.mark.parametrize("index", [7, -8, [0, 7], [True] * 6, [[0, 1]]])
def test_rows_that_are_not_there_are_an_error(index: Any) -> None:
    with pytest.raises(IndexError):
        JoinedRows(parts_of([3, 4]))[index]


def test_numbers_that_are_no_rows_are_an_error() -> None:
    with pytest.raises(TypeError):
        JoinedRows(parts_of([3, 4]))[[0.5]]


def test_parts_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="same dtype"):
        JoinedRows([np.zeros((2, 3)), np.zeros((2, 4))])
    with pytest.raises(ValueError, match="same dtype"):
        JoinedRows([np.zeros((2, 3)), np.zeros((2, 3), np.float32)])


@given(st.integers(0, 2_000_000))
def test_shards_hold_each_row_once_and_are_even(count: int) -> None:
    shards = shards_of(count)
    assert [shard.start for shard in shards] == [0, *(shard.stop for shard in shards[:-1])]
    assert shards[-1].stop == count and len(shards) <= 64
    lengths = [shard.stop - shard.start for shard in shards]
    assert max(lengths) - min(lengths) <= 1
    assert len(shards) == 1 or min(lengths) >= 1024


OPEN_MANY = """
import resource, sys
from pathlib import Path
import numpy as np
from data.rows import open_rows
resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
arrays = [open_rows([Path(sys.argv[1])] * 64) for _ in range(12)]
print(sum(int(array[np.array([0, 70])].sum()) for array in arrays))
"""


def test_more_parts_are_open_than_files_are_granted(tmp_path: Path) -> None:
    """Twelve arrays of 64 parts, as a large run has them, where 100 files may be open."""
    path = tmp_path / "part.npy"
    np.save(path, np.ones((2, 3)))
    called = subprocess.run(
        [sys.executable, "-c", OPEN_MANY, path], capture_output=True, text=True, check=True
    )
    assert called.stdout.split() == ["72"]
