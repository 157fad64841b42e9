from pathlib import Path

import pytest
from timelines import two_backbones

from benchmarks.workers import COUNTS, Overhead, TimedRun, WorkersComparison, timed

COST = Overhead(5.0, 0.001, 0.2)


def test_the_ratios_are_of_the_medians() -> None:
    runs = [TimedRun(count, 60, 30 - 10 * count, 100 + count) for count in COUNTS]
    slow = [TimedRun(count, 90, 90, 0) for count in COUNTS]
    measured = WorkersComparison.of([*runs, *slow, *runs], COST)
    assert measured.first_winners == {0: 30, 1: 20, 2: 10}
    assert measured.ratio == 3
    assert measured.trained_ratio == pytest.approx(102 / 100)


def test_a_run_is_timed_to_the_winner_that_comes_last(tmp_path: Path) -> None:
    run = two_backbones(tmp_path)
    assert timed(run, ["vgg16", "googlenet"], 2, 75.0) == TimedRun(2, 75.0, 50.0, 80)


def test_a_backbone_without_a_winner_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="resnet50 got no winner: give more --minutes"):
        timed(two_backbones(tmp_path), ["vgg16", "resnet50"], 1, 75.0)
