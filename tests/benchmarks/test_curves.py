import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.curves import Point, Race, value_at

SECONDS = st.floats(0, 600)
CURVES = st.lists(st.builds(Point, SECONDS, st.floats(0, 1))).map(sorted)


@given(plain=CURVES, ours=CURVES)
def test_each_minute_is_counted_once_and_the_other_way_round_with_the_sides(
    plain: list[Point], ours: list[Point]
) -> None:
    race, turned = Race.of(plain, ours, 600), Race.of(ours, plain, 600)
    assert sorted([*race.ahead, *race.level, *race.behind]) == list(range(1, 11))
    assert (race.ahead, race.level, race.behind) == (turned.behind, turned.level, turned.ahead)


def test_nothing_is_lower_than_anything() -> None:
    race = Race.of(plain=[Point(90, 0.0)], ours=[], seconds=120)
    assert (race.ahead, race.level, race.behind) == ((), (1,), (2,))
    assert (race.our_seconds, race.ratio) == (None, None)


def test_the_ratio_is_of_the_times_to_plains_last_figure() -> None:
    plain = [Point(10, 0.5), Point(100, 0.9), Point(110, 0.9)]
    race = Race.of(plain, [Point(5, 0.8), Point(25, 0.91), Point(30, 0.85)], seconds=120)
    assert (race.plain_best, race.plain_seconds, race.our_seconds) == (0.9, 100, 25)
    assert race.ratio == pytest.approx(4)


def test_what_comes_behind_the_time_does_not_count() -> None:
    race = Race.of([Point(10, 0.5), Point(130, 0.9)], [Point(20, 0.6)], seconds=120)
    assert race.plain_best == 0.5


def test_a_curve_has_its_last_figure() -> None:
    curve = [Point(5, 0.8), Point(9, 0.7)]
    assert [value_at(curve, at) for at in (4, 5, 8.9, 9)] == [None, 0.8, 0.8, 0.7]
