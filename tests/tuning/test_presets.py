"""The plan of a search where time just suffices, and just does not."""

import math

import pytest

from tuning.search import presets
from tuning.search.presets import PRESETS, Cost, Preset

PRESET = Preset("tiny", 64, (3, 2, 2), epochs=2, refit_epochs=5, patience=2, minutes=None)
COSTS = [Cost(1.0, 1.0), Cost(10.0, 5.0), Cost(20.0, 10.0)]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_with_time_enough_every_wanted_trial_is_planned(name: str) -> None:
    trials = PRESETS[name].trials
    costs = [Cost(1.0, 1.0)] * len(trials)
    depths = presets.plan(PRESETS[name], costs, math.inf)
    assert tuple(depths.count(depth) for depth in range(len(trials))) == trials


def test_depths_that_the_backbone_has_not_are_not_planned() -> None:
    assert presets.plan(PRESET, COSTS[:2], math.inf) == (0, 0, 0, 1, 1)


@pytest.mark.parametrize(
    ("depths", "refit"),
    [
        ((0,), COSTS[0].start + 2 * COSTS[0].epoch),
        ((0, 0), COSTS[0].start + 2 * COSTS[0].epoch),
        ((0, 0, 0), COSTS[0].start + 2 * COSTS[0].epoch),
        ((0, 0, 0, 1), COSTS[1].start + 2 * COSTS[1].epoch),
        ((0, 0, 0, 1, 2), COSTS[2].start + 2 * COSTS[2].epoch),
        ((0, 0, 0, 1, 2, 1), COSTS[2].start + 5 * COSTS[2].epoch),
        ((0, 0, 0, 1, 2, 1, 2), COSTS[2].start + 5 * COSTS[2].epoch),
    ],
)
def test_a_trial_is_planned_as_soon_as_it_fits_with_a_refit(
    depths: tuple[int, ...], refit: float
) -> None:
    """A short refit while depths are still untried, the preset's for second trials."""
    needed = sum(presets.trial_seconds(PRESET, COSTS, depth) for depth in depths) + refit
    assert presets.plan(PRESET, COSTS, needed + 1e-6) == depths
    if len(depths) > 1:
        assert presets.plan(PRESET, COSTS, needed - 1e-6) != depths


def test_one_trial_remains_without_any_time() -> None:
    assert presets.plan(PRESET, COSTS, 0.0) == (0,)


def test_a_fine_tuned_trial_takes_its_head_s_training_and_its_stages() -> None:
    head = presets.trial_seconds(PRESET, COSTS, 0)
    assert head == 1.0 + PRESET.head_epochs_factor * PRESET.epochs
    assert presets.trial_seconds(PRESET, COSTS, 2) == head + 20.0 + 2 * 10.0
    assert presets.trial_seconds(PRESET, COSTS, 2, epochs=1) == head + 20.0 + 10.0


@pytest.mark.parametrize(
    ("seconds", "epochs"), [(9.9, 0), (14.9, 0), (15.0, 1), (34.9, 4), (35.0, 5), (1e9, 5)]
)
def test_a_refit_has_the_epochs_that_fit_and_at_most_the_preset_s(
    seconds: float, epochs: int
) -> None:
    assert presets.refit_epochs(PRESET, COSTS[1], seconds) == epochs
    assert presets.refit_epochs(PRESET, COSTS[1], math.inf) == 5


def test_the_shortest_refit_is_two_epochs() -> None:
    assert presets.least_refit_seconds(COSTS[1]) == 10.0 + 2 * 5.0
