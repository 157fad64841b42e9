from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data_sets import crowd, manifest_of

from data import BALANCES, Balance, DataError, sample, split
from data.sampling import available, nested_order

PARTS = ("train", "val", "test")
drawn_rows = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(PARTS)), min_size=2, max_size=80)
balances = st.sampled_from(BALANCES)
shares = st.sampled_from([None, 0.2])


def split_manifest(rows: list[tuple[int, str]]) -> pd.DataFrame:
    return manifest_of([code for code, _ in rows], parts=[part for _, part in rows])


@given(drawn_rows, st.integers(2, 90), balances, shares, st.sampled_from([None, 7]))
def test_samples_are_distinct_rows_in_order_with_every_class_of_a_part(
    rows: list[tuple[int, str]],
    samples: int,
    balance: Balance,
    validation: float | None,
    tested: int | None,
) -> None:
    whole = split_manifest(rows)
    some = sample(whole, samples, balance, validation=validation, tested=tested)
    numbers = some["path"].str.extract(r"(\d+)")[0].astype(int)
    assert numbers.is_monotonic_increasing and numbers.is_unique
    assert some.index.tolist() == list(range(len(some)))
    assert list(zip(some["label"], some["split"], strict=True)) == [rows[row] for row in numbers]
    learned, test = available(whole, balance)
    counts = some["split"].value_counts().reindex(PARTS, fill_value=0)
    spare = 4 if balance == "natural" else 2  # a class that would be missing of train and of val
    assert min(samples, learned) - 2 <= counts["train"] + counts["val"] <= samples + spare
    assert counts["test"] <= (test if tested is None else min(test, max(tested, 2)))
    if balance == "natural":
        each = whole.groupby("split")["label"].nunique()
        assert some.groupby("split")["label"].nunique().equals(each)
    else:
        per_part = some.groupby("split")["label"]
        assert (per_part.sum() * 2 == per_part.size()).all()


@given(drawn_rows, st.integers(2, 80), st.integers(0, 20), balances, shares)
def test_a_larger_sample_holds_a_smaller_one(
    rows: list[tuple[int, str]], samples: int, more: int, balance: Balance, share: float | None
) -> None:
    whole = split_manifest(rows)
    few = sample(whole, samples, balance, validation=share)
    many = sample(whole, samples + more, balance, validation=share)
    every = sample(whole, None, balance)
    assert set(few["path"]) <= set(many["path"]) <= set(every["path"])


def faces_in_parts(train: int, val: int, test: int) -> pd.DataFrame:
    parts = ["train"] * train + ["val"] * val + ["test"] * test
    return manifest_of([int(row % 5 < 2) for row in range(len(parts))], parts=parts)


def counts_of(manifest: pd.DataFrame) -> dict[str, int]:
    return manifest["split"].value_counts().to_dict()


def test_samples_are_to_learn_from_and_the_test_comes_on_top() -> None:
    whole = faces_in_parts(16_000, 1600, 3000)
    some = sample(whole, 5000, validation=0.2)
    assert counts_of(some) == {"train": 4000, "val": 1000, "test": 2000}
    men = some.groupby("split")["label"].mean()
    assert men.tolist() == pytest.approx([0.4] * 3, abs=0.002)
    assert counts_of(sample(whole, 17_000, validation=0.2)) == {
        "train": 15_400, "val": 1600, "test": 2000
    }  # fmt: skip
    assert len(sample(whole, None)) == len(whole)


def test_given_parts_keep_the_shares_of_train_and_val() -> None:
    whole = faces_in_parts(1600, 400, 600)
    assert counts_of(sample(whole, 500)) == {"train": 400, "val": 100, "test": 500}
    assert counts_of(sample(whole, 500, tested=None)) == {"train": 400, "val": 100, "test": 600}


def test_no_more_is_tested_on_than_learned_from() -> None:
    assert counts_of(sample(faces_in_parts(300, 60, 60), 20)) == {
        "train": 17, "val": 3, "test": 20
    }  # fmt: skip


def test_the_seed_draws_other_images() -> None:
    whole = faces_in_parts(600, 100, 100)
    assert sample(whole, 100, seed=3).equals(sample(whole, 100, seed=3))
    assert not sample(whole, 100, seed=3).equals(sample(whole, 100, seed=4))


def test_of_a_rare_class_one_is_drawn_of_each_part() -> None:
    """One in a hundred, which twenty validation images would often lack."""
    rare = [int(row % 100 == 7) for row in range(1200)]
    whole = manifest_of(rare, parts=["train"] * 800 + ["val"] * 200 + ["test"] * 200)
    strata = pd.DataFrame(
        {"gender=woman": [row % 2 == 0 for row in range(1200)],
         "gender=man": [row % 2 == 1 for row in range(1200)]}, index=whole["path"]
    )  # fmt: skip
    for seed in range(5):
        some = sample(whole, 50, seed=seed, strata=strata, validation=0.2)
        assert (some.groupby("split")["label"].sum() >= 1).all()
        assert len(some) <= 103


def test_an_image_without_a_class_is_not_drawn_for_one() -> None:
    whole = manifest_of([0, 1] * 50 + [-1] * 2, parts=["train"] * 60 + ["val"] * 20 + ["test"] * 22)
    assert sample(whole, 10, "equal")["label"].isin([0, 1]).all()
    assert len(sample(whole, None)) == 102


def test_wrong_samples() -> None:
    with pytest.raises(DataError, match="samples=1"):
        sample(split(crowd(90)), 1)
    with pytest.raises(DataError, match="balance='fair'"):
        sample(split(crowd(90)), 4, "fair")  # type: ignore[arg-type]


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
