"""Splits where they are given, wanted empty, or cannot be; what is said of given ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import DataError, class_weights, split
from data.manifest import Dataset, make_manifest
from data.splits import parts_checked, parts_dropped, people_in_several_parts

PARTS = ["train", "train", "val", "val", "test", "test"]


def manifest(
    labels: list[int], people: list[str | None] | None = None, parts: list[str] | None = None
) -> pd.DataFrame:
    return make_manifest(
        [f"/x/{row}.jpg" for row in range(len(labels))],
        pd.Series(labels),
        identity=pd.Series(people) if people else None,
        split=pd.Series(parts) if parts else None,
    )


def dataset(table: pd.DataFrame) -> Dataset:
    return Dataset("drawn", Path("/x"), table)


@pytest.mark.parametrize(
    ("val", "test"), [(0.2, 0.0), (0.2, -0.1), (0.0, 0.2), (0.4, 0.6), (0.9, 0.2)]
)
def test_shares_that_leave_a_part_empty_are_refused(val: float, test: float) -> None:
    with pytest.raises(DataError, match=f"val={val:g}, test={test:g}: shares must be above 0"):
        split(manifest([0, 1] * 10), val, test)


def test_a_split_that_lacks_a_part_or_a_row_is_made_anew() -> None:
    whole = manifest([0, 1] * 6, parts=["train"] * 8 + ["val"] * 4)
    assert set(split(whole)["split"]) == {"train", "val", "test"}


def test_shares_are_of_each_class_whatever_the_other_s_size() -> None:
    """Of 900 women and 60 men, all strangers, a tenth of each goes to test and to val."""
    parts = split(manifest([0] * 900 + [1] * 60), 0.1, 0.1)
    counts = parts.groupby(["label", "split"]).size()
    assert counts[0].to_dict() == {"train": 720, "val": 90, "test": 90}
    assert counts[1].to_dict() == {"train": 48, "val": 6, "test": 6}


def test_of_many_images_no_more_than_thousands_are_held_out() -> None:
    sizes = split(manifest([0, 1] * 25_000))["split"].value_counts()
    assert sizes.to_dict() == {"train": 43_000, "val": 5000, "test": 2000}
    sizes = split(manifest([0, 1] * 5000))["split"].value_counts()
    assert sizes.to_dict() == {"train": 6400, "val": 1600, "test": 2000}


def test_people_with_many_photos_are_dealt_first_so_that_shares_hold() -> None:
    """Ten people of 40 photos and 200 of one: in any other order the large ones overfill a part."""
    people = [f"many {i // 40}" for i in range(400)] + [f"one {i}" for i in range(200)]
    labels = [i // 40 % 2 for i in range(400)] + [i % 2 for i in range(200)]
    for seed in range(5):
        sizes = split(manifest(labels, people), 0.15, 0.15, seed)["split"].value_counts()
        assert sizes.to_dict() == {"train": 420, "val": 90, "test": 90}


def test_a_few_people_are_counted_in_the_error() -> None:
    with pytest.raises(DataError, match="3 images of 2 people are too few"):
        split(manifest([0, 0, 1], ["a", "a", None]))


def test_no_image_at_all_is_an_error_like_too_few() -> None:
    with pytest.raises(DataError, match="0 images of 0 people are too few"):
        split(manifest([0, 1]).iloc[:0])


def test_one_class_alone_has_a_weight() -> None:
    assert class_weights(pd.Series([1, 1])) == {1: 0.5}
    assert class_weights(np.array([0, 0, 0])) == {0: 0.5}


def test_people_in_several_given_parts_are_counted_and_told() -> None:
    people = ["a", "b", "a", "c", "b", None]
    table = manifest([0, 1] * 3, people, PARTS)
    assert people_in_several_parts(table) == 2
    told = parts_checked(replace(dataset(table), notes=("first",)))
    assert told.notes[0] == "first"
    assert told.notes[1].startswith("2 of 3 people are in several parts of the given split")


def test_nothing_is_said_of_a_clean_split() -> None:
    clean = dataset(manifest([0, 1] * 3, ["a", "a", "b", "b", "c", None], PARTS))
    assert parts_checked(clean) is clean


def test_a_given_split_can_be_dropped() -> None:
    given = dataset(manifest([0, 1] * 3, parts=PARTS))
    dropped = parts_dropped(given)
    assert dropped.manifest["split"].isna().all()
    assert dropped.manifest.drop(columns="split").equals(given.manifest.drop(columns="split"))
    assert dropped.notes == ("the given split is not used: SPLIT=identity makes a new one",)
    assert parts_dropped(dropped) is dropped
