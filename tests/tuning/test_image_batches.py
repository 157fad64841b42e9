import numpy as np

from tuning.image_batches import map_batches

IMAGES = np.arange(7, dtype=np.uint8)[:, None, None, None]


def test_every_row_comes_once_in_order_and_is_counted() -> None:
    seen: list[tuple[int, int]] = []
    rows = np.array([6, 0, 3, 2, 5])
    parts = map_batches(
        lambda batch: batch[:, 0, 0, 0], IMAGES, rows, 2, lambda *at: seen.append(at)
    )
    assert [part.tolist() for part in parts] == [[6, 0], [3, 2], [5]]
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_a_reader_who_stops_leaves_the_rest_undone() -> None:
    calls: list[int] = []
    batches = map_batches(lambda batch: calls.append(len(batch)), IMAGES, np.arange(7), 3)
    next(batches)
    assert calls == [3]


def test_no_rows_no_calls() -> None:
    assert list(map_batches(len, IMAGES, np.array([], int), 3)) == []
