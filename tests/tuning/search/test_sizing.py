"""How many images a search takes, and what is kept of them, where time or disk do not suffice."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.runs.schema import BackboneCosts, SearchImages, TrainingTime
from tuning.search import planning, sizing
from tuning.search.presets import PRESETS
from tuning.search.sizing import RefitWay

STANDARD = PRESETS["standard"]
# ResNet50 at 96 px on two cores, roughly.
MEASURED = BackboneCosts(
    train=160_000, val=20_000, pass_seconds=0.012,
    steps=((1, 1e-4), (8, 0.009), (12, 0.022), (15, 0.03), (18, 0.035)),
    bytes=(4096, 73_728, 147_456, 294_912, 73_728), room=20 * 10**9,
)  # fmt: skip


def costs(**changes: object) -> BackboneCosts:
    return MEASURED.model_copy(update=changes)


def test_with_time_and_disk_enough_all_images_are_used_and_cached() -> None:
    few = costs(train=4000, val=500)
    search = sizing.choose(STANDARD, few, math.inf)
    assert search.images == SearchImages(train=4000, val=500, views=(2, 2, 2, 2, 2))
    times = sizing.training_times(few, search.images)
    assert search.depths == planning.plan_depths(STANDARD, times, math.inf)


def test_without_a_limit_the_disk_decides_how_many_images_are_searched() -> None:
    search = sizing.choose(STANDARD, MEASURED, math.inf)
    assert search.images.views == (2, 2, 2, 2, 2)
    assert 10_000 < search.images.train < 20_000
    assert max(search.depths) == 4
    assert _bytes(MEASURED, search.images) <= MEASURED.room


def test_a_tiny_cache_leaves_enough_images_and_trains_deep_stages_from_pixels() -> None:
    search = sizing.choose(STANDARD, costs(room=10**8), math.inf)
    assert 2000 < search.images.train <= sizing.ENOUGH
    assert search.images.views[0] == 2 and 0 in search.images.views
    assert max(search.depths) == 4
    no_room = sizing.choose(STANDARD, costs(room=0), math.inf)
    assert set(no_room.images.views) == {0}


def test_where_two_views_do_not_fit_the_plain_one_is_kept() -> None:
    room = 73_728 * (4000 + 1000) + 4096 * 9000
    assert sizing.kept_images(costs(room=room), 4000, deepest=1).views == (2, 1)
    assert sizing.kept_images(costs(room=room - 1), 4000, deepest=1).views == (2, 0)


def test_fewer_images_are_searched_where_that_lets_a_deeper_trial_fit() -> None:
    hour = sizing.choose(STANDARD, MEASURED, 3600)
    assert max(hour.depths) >= 2
    assert hour.images.train < 20_000
    whole = sizing.training_times(MEASURED, sizing.kept_images(MEASURED, 160_000, 2))
    assert max(planning.plan_depths(STANDARD, whole, 3600)) == 0


@pytest.mark.parametrize("seconds", [-100.0, 0.0, 10.0])
def test_where_nothing_fits_few_images_pass(seconds: float) -> None:
    search = sizing.choose(STANDARD, MEASURED, seconds)
    assert not search.fits
    assert search.images == SearchImages(train=1000, val=1000, views=(2,))
    assert search.depths == (0,)


def test_a_time_for_heads_alone_is_not_overrun_by_passes() -> None:
    search = sizing.choose(STANDARD, MEASURED, 200.0)
    assert search.fits
    assert sizing.pass_seconds(MEASURED, search.images) < 200.0


def test_validation_images_tell_trials_apart_however_few_train() -> None:
    assert sizing.kept_images(MEASURED, 1000, deepest=0).val == 1000
    assert sizing.kept_images(MEASURED, 80_000, deepest=0).val == 10_000
    assert sizing.kept_images(costs(train=4000, val=500), 1000, deepest=0).val == 500


def test_a_refit_of_all_images_is_cached_where_that_gives_more_epochs() -> None:
    images = SearchImages(train=4000, val=1000, views=(2, 2))
    roomy = costs(room=10**12)
    long = sizing.refit_way(roomy, images, 1, epochs=16, seconds=math.inf)
    assert long.views == 2 and long.pass_seconds == pytest.approx(0.012 * 2 * 156_000)
    short = sizing.refit_way(roomy, images, 1, epochs=16, seconds=3600)
    assert short.views == 0 and 0 < short.epochs(16, 3600) < 2
    assert sizing.refit_way(MEASURED, images, 1, epochs=16, seconds=math.inf).views == 0


def test_a_refit_on_the_images_of_the_search_reads_its_cache() -> None:
    few, images = costs(train=4000, val=500), SearchImages(train=4000, val=500, views=(2, 1))
    way = sizing.refit_way(few, images, 1, epochs=16, seconds=600)
    assert way == RefitWay(1, sizing.training_times(few, images)[1])
    assert sizing.refit_way(few, images, 1, epochs=16, seconds=math.inf).views == 0  # mirrored too
    both = SearchImages(train=4000, val=500, views=(2, 2))
    assert sizing.refit_way(few, both, 1, epochs=16, seconds=math.inf).views == 2


def test_a_search_from_pixels_may_be_cached_for_its_refit() -> None:
    few, images = costs(train=4000, val=500), SearchImages(train=4000, val=500, views=(2, 0))
    way = sizing.refit_way(few, images, 1, epochs=16, seconds=math.inf)
    assert way.views == 2 and way.pass_seconds == pytest.approx(0.012 * 8000)


@pytest.mark.parametrize(
    ("epoch", "seconds", "legs", "per_epoch"),
    [(10.0, 65.0, 6, 1), (10.0, 25.0, 4, 2), (2000.0, math.inf, 64, 4), (2000.0, 505.0, 4, 16)],
)
def test_a_refit_is_divided_so_that_a_kill_costs_minutes_and_most_of_the_time_is_used(
    epoch: float, seconds: float, legs: int, per_epoch: int
) -> None:
    way = RefitWay(0, TrainingTime(5.0, epoch))
    plan = sizing.refit_plan(160_000, way, 16, seconds)
    assert plan is not None
    assert (plan.legs, plan.legs_per_epoch) == (legs, per_epoch)


def test_no_leg_is_a_handful_of_images() -> None:
    assert sizing.refit_plan(400, RefitWay(0, TrainingTime(5.0, 100.0)), 16, 80.0) is None
    plan = sizing.refit_plan(400, RefitWay(0, TrainingTime(5.0, 100.0)), 16, 110.0)
    assert plan is not None and plan.legs_per_epoch == 1


@given(st.integers(1000, 10**6), st.integers(0, 10**12), st.floats(0, 10**5), st.integers(1, 5))
def test_what_is_kept_fits_the_cache(train: int, room: int, seconds: float, measured: int) -> None:
    some = costs(train=train, val=train // 8, room=room, steps=MEASURED.steps[:measured])
    search = sizing.choose(STANDARD, some, seconds)
    assert 1 <= search.images.train <= train
    assert search.images.val <= some.val
    assert _bytes(some, search.images) <= room
    assert max(search.depths) < measured


def _bytes(of: BackboneCosts, images: SearchImages) -> int:
    kept = zip(of.bytes, images.views, strict=False)
    return sum(size * (views * images.train + bool(views) * images.val) for size, views in kept)
