import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import AGES, DataError
from data.ages import OLDEST, age_groups

starts = st.lists(st.integers(0, OLDEST), min_size=3, max_size=12, unique=True).map(sorted)


def written(bounds: list[int], is_open: bool) -> str:
    closed = [f"{low}-{high - 1}" for low, high in pairwise(bounds)]
    return ",".join([*closed, f"{bounds[-1]}+"] if is_open else closed)


@given(starts, st.booleans(), st.floats(-5, 200))
def test_groups_without_gaps_hold_each_age_once(
    bounds: list[int], is_open: bool, age: float
) -> None:
    groups = age_groups(written(bounds, is_open))
    (code,) = groups.codes([age]).tolist()
    inside = bounds[0] <= age < (OLDEST + 1 if is_open else bounds[-1])
    assert (code >= 0) == inside
    if inside:
        assert groups.starts[code] <= age < groups.starts[code + 1]
        low = groups.names[code].rstrip("+").split("-")[0]
        assert int(low) == groups.starts[code]


@given(starts, st.integers(1, 10), st.data())
def test_a_gap_or_an_overlap_anywhere_is_named(
    bounds: list[int], shift: int, data: st.DataObject
) -> None:
    words = written(bounds, is_open=True).split(",")
    place = data.draw(st.integers(1, len(words) - 1))
    low = bounds[place] + data.draw(st.sampled_from([-shift, shift]))
    words[place] = f"{max(low, 0)}+" if words[place].endswith("+") else f"{max(low, 0)}-140"
    with pytest.raises(DataError, match=r"AGES=.*: '.*' (leaves a gap|overlaps)"):
        age_groups(",".join(words))


@given(st.text("0123456789-+, ax", max_size=20))
def test_any_text_is_groups_or_one_line(text: str) -> None:
    try:
        groups = age_groups(text)
    except DataError as error:
        assert str(error).startswith(f"AGES={text}: ") and "\n" not in str(error)
    else:
        assert 2 <= len(groups.names) == len(groups.starts) - 1
        assert list(groups.starts) == sorted(set(groups.starts))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0-12", "1 groups"),
        ("0-12,13", "'13' is no group"),
        ("12-0,13+", "'12-0' is no group"),
        ("0+,13+", r"'13\+' overlaps or comes after '0\+'"),
        ("13+,0-12", "'0-12' overlaps or comes after"),
        ("0-12,12+", "overlaps or comes after '0-12': begin it at 13"),
        ("0-12,14+", "leaves a gap behind '0-12': begin it at 13"),
        ("0-130,131+", "no age is above 130"),
        ("", "is no group"),
        ("0-१२,13+", "is no group"),
    ],
)
def test_wrong_groups(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        age_groups(text)


def test_the_usual_groups() -> None:
    groups = age_groups(AGES)
    assert groups.codes([0, 12, 13, 19.9, 20, 59, 60, 116, 131, math.nan]).tolist() == [
        0, 0, 1, 1, 2, 3, 4, 4, -1, -1,
    ]  # fmt: skip
    assert age_groups() == groups


@given(starts)
def test_groups_hold_themselves_and_what_is_cut_finer(bounds: list[int]) -> None:
    groups = age_groups(written(bounds, is_open=True))
    assert groups.holding(groups) == tuple(range(len(groups.names)))
    coarse = age_groups(written([bounds[0], bounds[-1]], is_open=True))
    assert set(coarse.holding(groups)) == {0, 1}
    if len(bounds) > 2:
        assert groups.holding(coarse)[0] is None
    assert np.isinf(groups.starts[-1])
