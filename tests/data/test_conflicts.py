import pytest
from small_data_sets import manifest_of

from data import drop_conflicts, label_conflicts


def test_label_conflicts() -> None:
    people = manifest_of(
        [1, 1, 0, 0, 1, 0, 1, 0, 0], ["a", "a", "a", "b", "b", None, None, "c", "c"]
    )
    assert label_conflicts(people).index.tolist() == [2]  # b is undecided, NA is nobody.
    kept = drop_conflicts(people.assign(split="train"))
    assert len(kept) == 8 and kept.index.tolist() == list(range(8))
    assert label_conflicts(kept).empty


@pytest.mark.parametrize("part", ["val", "test"])
def test_conflicts_that_are_measured_on_stay(part: str) -> None:
    people = manifest_of([1, 1, 0] * 2, ["a"] * 3 + ["b"] * 3, ["train"] * 3 + [part] * 3)
    kept = drop_conflicts(people)
    assert kept["split"].tolist() == ["train"] * 2 + [part] * 3
    assert label_conflicts(kept).index.tolist() == [4]
