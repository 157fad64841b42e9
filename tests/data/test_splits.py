import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data_sets import crowd, manifest_of

from data import DataError, class_weights, split

rows = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.none(), st.sampled_from("abcdefghijkl"))),
    min_size=2,
    max_size=60,
)


@given(rows, st.integers(0, 5))
def test_no_person_in_two_parts_and_every_row_in_one(
    people: list[tuple[int, str | None]], seed: int
) -> None:
    before = manifest_of([label for label, _ in people], [name for _, name in people])
    try:
        after = split(before, 0.2, 0.2, seed)
    except DataError as error:
        assert "too few" in str(error)
        return
    assert after.drop(columns="split").equals(before.drop(columns="split"))
    assert after["split"].isin(["train", "val", "test"]).all()
    assert after.groupby("identity")["split"].nunique().le(1).all()
    assert len(after.groupby(["split", "label"])) == 6


@given(st.lists(st.integers(0, 1), min_size=6, max_size=60), st.integers(0, 5))
def test_three_of_each_class_are_enough(labels: list[int], seed: int) -> None:
    after = split(manifest_of([0, 0, 0, 1, 1, 1, *labels]), seed=seed)
    assert len(after.groupby(["split", "label"])) == 6


def test_shares_and_balance_are_close() -> None:
    after = split(crowd(3000), 0.15, 0.1)
    sizes = after["split"].value_counts(normalize=True)
    assert sizes["val"] == pytest.approx(0.15, abs=0.005)
    assert sizes["test"] == pytest.approx(0.1, abs=0.005)
    men = after.groupby("split")["label"].mean()
    assert men.max() - men.min() < 0.01


def test_splits_repeat_with_the_seed_and_differ_without() -> None:
    people = crowd(200)
    assert split(people, seed=1).equals(split(people, seed=1))
    assert not split(people, seed=1).equals(split(people, seed=2))


def test_official_parts_are_kept() -> None:
    official = manifest_of([0, 1] * 3, parts=["train"] * 2 + ["val"] * 2 + ["test"] * 2)
    assert split(official).equals(official)


def test_too_few_people_and_wrong_shares() -> None:
    with pytest.raises(DataError, match="6 images of 2 people are too few"):
        split(manifest_of([0, 0, 0, 1, 1, 1], ["a"] * 3 + ["b"] * 3))
    for val, test in ((0.5, 0.5), (0, 0.1), (-0.1, 0.2)):
        with pytest.raises(DataError, match="shares"):
            split(crowd(20), val, test)


def test_class_weights() -> None:
    weights = class_weights(pd.Series([0] * 6 + [1] * 2))
    assert weights == {0: pytest.approx(8 / 12), 1: pytest.approx(2)}
    assert class_weights(np.array([0, 1])) == {0: 1, 1: 1}
