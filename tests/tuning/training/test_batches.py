import numpy as np
import pytest

from tuning.training.batches import Batches, Examples


def numbered(count: int) -> Examples:
    """Rows that say which they are, and in the second view 100 more; codes ten times as much."""
    rows = np.arange(count, dtype=np.float16)[:, None]
    return Examples([rows, rows + 100], np.arange(count)[:, None] * 10)


def read(batches: Batches, first: int, count: int) -> list[float]:
    read = [batches.at(first + batches.size * index) for index in range(count)]
    return np.concatenate([batch.rows[:, 0] for batch in read]).tolist()


def test_each_epoch_has_every_example_once_in_either_view() -> None:
    values = np.array(read(Batches(numbered(10), 5, seed=1), 0, 40)).reshape(-1, 10)
    assert all(sorted(epoch) == list(range(10)) for epoch in values % 100)
    assert {tuple(epoch) for epoch in values.tolist()} > {tuple(values[0])}
    assert {value >= 100 for value in values[0]} == {False, True}


def test_a_batch_at_the_end_of_an_epoch_goes_on_with_the_next_one() -> None:
    batches = Batches(numbered(10), 4, seed=1)
    values = np.array(read(batches, 0, 5)) % 100
    assert sorted(values[:8].tolist() + values[8:10].tolist()) == list(range(10))
    assert sorted(values[10:]) == list(range(10))


@pytest.mark.parametrize("size", [4, 7, 32])
def test_codes_go_with_their_rows(size: int) -> None:
    for images in (0, 7, 12345):
        batch = Batches(numbered(10), size, seed=2).at(images)
        np.testing.assert_array_equal(batch.rows % 100 * 10, batch.codes)
        assert len(batch.codes) == size


def test_what_comes_next_follows_from_seed_and_position_alone() -> None:
    go_on, anew = (Batches(numbered(10), 4, seed=3) for _ in range(2))
    go_on.at(0)
    np.testing.assert_array_equal(go_on.at(96).rows, anew.at(96).rows)
    others = Batches(numbered(10), 4, seed=4)
    assert read(others, 0, 5) != read(anew, 0, 5)
