"""The plan of a search where time just suffices, and just does not."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_search import chosen, result_of

from tuning.runs.schema import TrainingTime, TrialResult
from tuning.search import planning
from tuning.search.presets import PRESETS, Preset

PRESET = Preset("tiny", 64, (3, 2, 2), epochs=2, refit_epochs=5, patience=2, minutes=None)
TIMES = [TrainingTime(1.0, 1.0), TrainingTime(10.0, 5.0), TrainingTime(20.0, 10.0)]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_with_time_enough_every_wanted_trial_is_planned(name: str) -> None:
    trials = PRESETS[name].trials
    times = [TrainingTime(1.0, 1.0)] * len(trials)
    depths = planning.plan_depths(PRESETS[name], times, math.inf)
    assert tuple(depths.count(depth) for depth in range(len(trials))) == trials


def test_depths_that_the_backbone_has_not_are_not_planned() -> None:
    assert planning.plan_depths(PRESET, TIMES[:2], math.inf) == (0, 0, 0, 1, 1)


@pytest.mark.parametrize(
    ("depths", "refit"),
    [
        ((0,), TIMES[0].start + 2 * TIMES[0].epoch),
        ((0, 0), TIMES[0].start + 2 * TIMES[0].epoch),
        ((0, 0, 0), TIMES[0].start + 2 * TIMES[0].epoch),
        ((0, 0, 0, 1), TIMES[1].start + 2 * TIMES[1].epoch),
        ((0, 0, 0, 1, 2), TIMES[2].start + 2 * TIMES[2].epoch),
        ((0, 0, 0, 1, 2, 1), TIMES[2].start + 5 * TIMES[2].epoch),
        ((0, 0, 0, 1, 2, 1, 2), TIMES[2].start + 5 * TIMES[2].epoch),
    ],
)
def test_a_trial_is_planned_as_soon_as_it_fits_with_a_refit(
    depths: tuple[int, ...], refit: float
) -> None:
    """A short refit while depths are still untried, the preset's for second trials."""
    needed = sum(planning.trial_seconds(PRESET, TIMES, depth) for depth in depths) + refit
    assert planning.plan_depths(PRESET, TIMES, needed + 1e-6) == depths
    if len(depths) > 1:
        assert planning.plan_depths(PRESET, TIMES, needed - 1e-6) != depths


def test_one_trial_remains_without_any_time() -> None:
    assert planning.plan_depths(PRESET, TIMES, 0.0) == (0,)


def test_a_fine_tuned_trial_takes_its_head_s_training_and_its_stages() -> None:
    head = planning.trial_seconds(PRESET, TIMES, 0)
    assert head == 1.0 + PRESET.head_epochs_factor * PRESET.epochs
    assert planning.trial_seconds(PRESET, TIMES, 2) == head + 20.0 + 2 * 10.0
    assert planning.trial_seconds(PRESET, TIMES, 2, epochs=1) == head + 20.0 + 10.0


@pytest.mark.parametrize(
    ("seconds", "epochs"), [(9.9, 0), (14.9, 0), (15.0, 1), (34.9, 4), (35.0, 5), (1e9, 5)]
)
def test_a_refit_has_the_epochs_that_fit_and_at_most_the_preset_s(
    seconds: float, epochs: int
) -> None:
    assert planning.refit_epochs(PRESET, TIMES[1], seconds) == epochs
    assert planning.refit_epochs(PRESET, TIMES[1], math.inf) == 5


def test_the_shortest_refit_is_two_epochs() -> None:
    assert planning.least_refit_seconds(TIMES[1]) == 10.0 + 2 * 5.0


ANY_TIMES = st.builds(TrainingTime, st.floats(0, 30), st.floats(0.01, 500))


@given(
    st.lists(ANY_TIMES, min_size=2, max_size=6).map(sorted),
    st.floats(0, 20_000),
    st.sampled_from(sorted(PRESETS)),
)
def test_the_plan_fits_its_time_cheap_depths_first(
    times: list[TrainingTime], limit: float, name: str
) -> None:
    preset = PRESETS[name]
    depths = planning.plan_depths(preset, times, limit)
    full = planning.plan_depths(preset, times, math.inf)
    heads, deepest = depths.count(0), max(depths)
    assert depths[: heads + deepest] == (*[0] * heads, *range(1, deepest + 1))
    assert list(depths[heads + deepest :]) == sorted(depths[heads + deepest :])
    assert not Counter(depths) - Counter(full)
    assert set(depths) == set(range(max(depths) + 1))
    planned = sum(planning.trial_seconds(preset, times, depth) for depth in depths)
    planned += planning.least_refit_seconds(times[deepest])
    assert planned <= limit or len(depths) == 1


@given(ANY_TIMES, st.floats(-10, 20_000) | st.just(math.inf))
def test_a_refit_stays_in_its_time(time: TrainingTime, seconds: float) -> None:
    preset = PRESETS["standard"]
    epochs = planning.refit_epochs(preset, time, seconds)
    assert 0 <= epochs <= preset.refit_epochs
    assert not epochs or time.start + epochs * time.epoch <= seconds + 1e-6


def test_the_slowdown_is_what_fine_tuned_trials_took_over_their_plan() -> None:
    preset = PRESETS["standard"]
    head = planning.trial_seconds(preset, [TrainingTime(1, 1)], 0)
    times = [TrainingTime(1, 1), TrainingTime(5, 10)]

    def result(depth: int, epochs: int, seconds: float) -> TrialResult:
        return result_of(chosen(depth), epochs=epochs, seconds=seconds)

    slow = [result(0, 6, 1), result(1, 2, 2 * (head + 25)), result(1, 1, 2 * (head + 15))]
    assert planning.slowdown(preset, times, [result(0, 6, 900)]) == 1
    assert planning.slowdown(preset, times, [result(1, 2, 20)]) == 1
    assert planning.slowdown(preset, times, slow) == 2
