import pytest
from timed_trials import at

from benchmarks import compare
from benchmarks.compare import BackboneComparison


def test_figures_follow_from_the_trials() -> None:
    depths = [
        at(0, [(50, 0.8)], [(3, 0.8), (1, 0.7), (1, 0.85), (2, 0.6)]),
        at(1, [(60, 0.9)], [(9, 0.8), (6, 0.95)]),
    ]
    item = BackboneComparison.of("vgg16", 1, 9, depths)
    assert [at.ratio for at in item.depths] == [50, 10]  # our first trial makes the graphs
    assert item.list_ratio == pytest.approx(110 / (10 + 3 + 9))
    assert item.trunk_seconds_a_trial == pytest.approx(9 / 6)
    assert item.best.accuracy == 0.9
    assert item.best.plain_seconds == item.best.plain_search_seconds == 110
    assert item.best.our_seconds == pytest.approx(10 + 7 + 15)
    assert item.best.our_trials == 6
    assert sum(item.best.spent.values()) == pytest.approx(item.best.our_seconds)
    met = {target.what: target.met for target in item.targets()}
    assert met["a further trial at depth 0"] is False
    assert met["a further trial at depth 1"] is True


def test_a_best_accuracy_found_early_ends_the_clock_of_either_side() -> None:
    best = compare.time_to_best(
        1, 9, [at(0, [(50, 0.9)], [(3, 0.9)]), at(1, [(60, 0.8)], [(9, 1)])]
    )
    assert (best.plain_seconds, best.plain_search_seconds) == (50, 110)
    assert best.our_seconds == 13
    assert best.spent["trials at depth 1"] == 0


def test_an_accuracy_that_is_not_reached_has_no_ratio() -> None:
    best = compare.time_to_best(1, 9, [at(0, [(50, 0.9)], [(3, 0.8), (1, 0.7)])])
    assert (best.our_seconds, best.ratio, best.search_ratio) == (None, None, None)
    assert best.our_trials == 2
