"""Intervals of accuracies: Wilson's of independent images, and their level where there are few."""

import numpy as np
import pytest
from scipy import stats

from tuning import metrics
from tuning.metrics.intervals import effective_size, lower_bound


def test_intervals_are_wilson_s() -> None:
    """8 of 10: Newcombe's worked figures, 0.4902 to 0.9433."""
    expected = pytest.approx((0.4902, 0.9433), abs=5e-5)
    assert metrics.accuracy_interval(np.arange(10) < 8) == expected
    assert metrics.accuracy_interval(np.arange(10) < 8, np.arange(10)) == expected


@pytest.mark.parametrize(("correct", "total"), [(8, 10), (0, 5), (5, 5), (731, 750)])
def test_they_are_scipy_s_where_each_image_is_another_person(correct: int, total: int) -> None:
    test = stats.binomtest(correct, total)
    wilson, exact = (test.proportion_ci(0.95, method) for method in ("wilson", "exact"))
    ends = metrics.accuracy_interval(np.arange(total) < correct)
    assert ends == pytest.approx((wilson.low, wilson.high))
    assert lower_bound(correct / total, total) == pytest.approx(exact.low)


@pytest.mark.parametrize("people", [1, 2, 3, 7, 19, 50])
def test_the_share_lies_within(people: int) -> None:
    """Also where it is 0 or 1, so that a plot's bars have no negative length."""
    for total in range(people, 60):
        for correct in (np.zeros(total, bool), np.ones(total, bool), np.arange(total) < total // 2):
            low, high = metrics.accuracy_interval(correct, np.arange(total) % people)
            assert 0 <= low <= correct.mean() <= high <= 1


def test_copies_of_images_add_nothing() -> None:
    correct = np.random.default_rng(0).random(200) < 0.9
    copies = effective_size(correct.repeat(6), np.arange(200).repeat(6))
    assert copies == pytest.approx(200, rel=0.02)
    assert effective_size(np.ones(600, bool), np.arange(100).repeat(6)) == pytest.approx(
        100, rel=0.03
    )
    assert effective_size(correct, np.zeros(200, int)) == 1


def people(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Forty people with 1 to 39 images each, of whom some are hard to tell: 0.9 correct."""
    sizes = np.arange(1, 41)
    share = rng.beta(4.5, 0.5, 40)  # of each person; its mean is 0.9
    return rng.random(sizes.sum()) < share.repeat(sizes), np.arange(40).repeat(sizes)


def test_they_keep_their_level_where_photos_show_the_same_people() -> None:
    rng = np.random.default_rng(0)
    covered = {"by person": 0, "by image": 0}
    for _ in range(400):
        correct, who = people(rng)
        for name, given in (("by person", who), ("by image", None)):
            low, high = metrics.accuracy_interval(correct, given)
            covered[name] += low <= 0.9 <= high
    assert covered["by person"] >= 0.92 * 400
    assert covered["by image"] < 0.6 * 400
