import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import DataError, class_weights, drop_conflicts, label_conflicts, sample, split
from data.manifest import make_manifest


def manifest(
    labels: list[int], identity: list[str | None] | None = None, parts: list[str] | None = None
) -> pd.DataFrame:
    return make_manifest(
        [f"/x/{row}.jpg" for row in range(len(labels))],
        pd.Series(labels),
        identity=pd.Series(identity) if identity else None,
        split=pd.Series(parts) if parts else None,
    )


def crowd(people: int, seed: int = 0) -> pd.DataFrame:
    """People with 1 to 30 photos each, most with few, 42 % of them men."""
    rng = np.random.default_rng(seed)
    photos = np.minimum(rng.geometric(0.3, people), 30)
    labels = (rng.uniform(size=people) < 0.42).astype(int)
    names = [str(person) for person in range(people)]
    return manifest(np.repeat(labels, photos).tolist(), np.repeat(np.array(names), photos).tolist())


rows = st.lists(
    st.tuples(st.integers(0, 1), st.one_of(st.none(), st.sampled_from("abcdefghijkl"))),
    min_size=2,
    max_size=60,
)


@given(rows, st.integers(0, 5))
def test_no_person_in_two_parts_and_every_row_in_one(
    people: list[tuple[int, str | None]], seed: int
) -> None:
    before = manifest([label for label, _ in people], [name for _, name in people])
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
    after = split(manifest([0, 0, 0, 1, 1, 1, *labels]), seed=seed)
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
    official = manifest([0, 1] * 3, parts=["train"] * 2 + ["val"] * 2 + ["test"] * 2)
    assert split(official).equals(official)


def test_too_few_people_and_wrong_shares() -> None:
    with pytest.raises(DataError, match="6 images of 2 people are too few"):
        split(manifest([0, 0, 0, 1, 1, 1], ["a"] * 3 + ["b"] * 3))
    for val, test in ((0.5, 0.5), (0, 0.1), (-0.1, 0.2)):
        with pytest.raises(DataError, match="shares"):
            split(crowd(20), val, test)


def test_class_weights() -> None:
    weights = class_weights(pd.Series([0] * 6 + [1] * 2))
    assert weights == {0: pytest.approx(8 / 12), 1: pytest.approx(2)}
    assert class_weights(np.array([0, 1])) == {0: 1, 1: 1}


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
    whole = manifest(labels, parts=parts if official else None)
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
    whole = manifest([0] * 600 + [1] * 400, parts=(["train"] * 7 + ["val"] * 2 + ["test"]) * 100)
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


def test_label_conflicts() -> None:
    people = manifest([1, 1, 0, 0, 1, 0, 1, 0, 0], ["a", "a", "a", "b", "b", None, None, "c", "c"])
    assert label_conflicts(people).index.tolist() == [2]  # b is undecided, NA is nobody.
    kept = drop_conflicts(people)
    assert len(kept) == 8 and kept.index.tolist() == list(range(8))
    assert label_conflicts(kept).empty
