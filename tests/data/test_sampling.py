from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data_sets import crowd, manifest_of

from data import DataError, sample
from data.sampling import nested_order


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["train", "val", "test"])),
        min_size=2,
        max_size=80,
    ),
    st.integers(2, 90),
    st.sampled_from(["natural", "equal"]),
    st.booleans(),
)
def test_samples_are_distinct_rows_in_order_and_as_many_as_asked(
    drawn: list[tuple[int, str]], samples: int, balance: str, official: bool
) -> None:
    labels, parts = [label for label, _ in drawn], [part for _, part in drawn]
    whole = manifest_of(labels, parts=parts if official else None)
    some = sample(whole, samples, balance)  # type: ignore[arg-type]
    numbers = some["path"].str.extract(r"(\d+)")[0].astype(int)
    assert numbers.is_monotonic_increasing and numbers.is_unique
    assert some.index.tolist() == list(range(len(some)))
    assert some["label"].tolist() == [labels[number] for number in numbers]
    if balance == "natural":
        assert len(some) == min(samples, len(whole))
        return
    per_part = some.groupby(["split"], dropna=False)["label"]
    assert (per_part.sum() * 2 == per_part.size()).all()
    if not official:
        assert len(some) == 2 * min(samples // 2, labels.count(0), labels.count(1))


def test_natural_samples_keep_shares_of_labels_and_parts() -> None:
    whole = manifest_of([0] * 600 + [1] * 400, parts=(["train"] * 7 + ["val"] * 2 + ["test"]) * 100)
    some = sample(whole, 100, seed=3)
    assert some["label"].mean() == pytest.approx(0.4, abs=0.02)
    assert some["split"].value_counts(normalize=True)["train"] == pytest.approx(0.7, abs=0.03)
    assert some.equals(sample(whole, 100, seed=3))
    assert not some.equals(sample(whole, 100, seed=4))
    assert len(sample(whole, None)) == 1000
    assert len(sample(whole, 6).groupby(["split", "label"])) == 6


def test_wrong_samples() -> None:
    with pytest.raises(DataError, match="samples=1"):
        sample(crowd(9), 1)
    with pytest.raises(DataError, match="balance='fair'"):
        sample(crowd(9), 4, "fair")  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 1)), min_size=1, max_size=60))
def test_each_beginning_of_a_nested_order_has_the_classes_in_proportion(
    codes: list[tuple[int, int]],
) -> None:
    array = np.array(codes)
    order = nested_order(array, seed=0)
    assert sorted(order.tolist()) == list(range(len(codes)))
    for count in range(1, len(codes) + 1):
        first = Counter(codes[row] for row in order[:count])
        groups = Counter(codes)
        for group, size in groups.items():
            assert abs(first[group] - count * size / len(codes)) <= len(groups)
    assert nested_order(array, seed=0).tolist() == order.tolist()
