import numpy as np

from tuning.training.batches import Batches, Examples


def test_batches_hold_every_row_once_in_either_view() -> None:
    plain = np.arange(10, dtype=np.float16)[:, None]
    examples = Examples({0: [plain, plain + 100]}, np.zeros((10, 1), int))
    batches = Batches(examples, 0, 4, np.random.default_rng(1))
    rows = np.concatenate([batches[index][0] for index in range(len(batches))])[:, 0]
    assert sorted(rows % 100) == list(range(10))
    assert {value >= 100 for value in rows} == {False, True}
    in_order = Batches(examples, 0, 4)
    np.testing.assert_array_equal(np.concatenate([in_order[i][0] for i in range(3)]), plain)


def test_codes_go_with_their_rows() -> None:
    rows = np.arange(10)
    codes = np.stack([rows * 10, rows * 100], axis=1)
    examples = Examples({0: [rows[:, None].astype(np.float16)] * 2}, codes)
    batches = Batches(examples, 0, 4, np.random.default_rng(1))
    order = []
    for _ in range(2):
        for index in range(len(batches)):
            features, codes = batches[index]
            order.append(features[:, 0].tolist())
            np.testing.assert_array_equal(codes, features * [10, 100])
        batches.on_epoch_end()
    assert order[:3] != order[3:]  # shuffled anew for each epoch
