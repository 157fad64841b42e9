"""The INT8 gate at its limits."""

import numpy as np
import pytest

from export.int8_gate import MAX_CHANGED, attempt, until_refuted

IMAGES = np.arange(1000)  # an image is its number here
MEN = np.ones(1000, int)


def answers_with_changed(count: int) -> np.ndarray:
    """p_man of a model that calls the last `count` of 1000 men women."""
    return np.repeat([0.9, 0.1], [1000 - count, count])


@pytest.mark.parametrize(("changed", "passed"), [(10, True), (11, False)])
def test_as_many_changed_decisions_as_allowed_are_looked_at_to_the_end(
    changed: int, passed: bool
) -> None:
    """They change for the better, so that accuracy has no say."""
    assert len(IMAGES) * MAX_CHANGED == 10
    int8_p, fp32_p = answers_with_changed(0), answers_with_changed(changed)
    looked_at = until_refuted(lambda batch: int8_p[batch][:, None], IMAGES, IMAGES, fp32_p)
    assert len(looked_at) == 1000
    tried = attempt("minmax", MEN, fp32_p, looked_at)
    assert (tried.changed_decisions, tried.passed) == (changed / 1000, passed)
    assert tried.accuracy_lost == -changed / 1000


@pytest.mark.parametrize(("lost", "passed"), [(5, True), (6, False)])
def test_accuracy_lost_is_what_fp32_had_more(lost: int, passed: bool) -> None:
    tried = attempt("minmax", MEN, answers_with_changed(0), answers_with_changed(lost))
    assert (tried.accuracy_lost, tried.changed_decisions) == (lost / 1000, lost / 1000)
    assert tried.passed is passed


def test_half_is_a_decision_for_man_in_both_models() -> None:
    half, more = np.full(1000, 0.5), np.full(1000, 0.6)
    for fp32_p, int8_p in ((half, more), (more, half)):
        looked_at = until_refuted(lambda batch, p=int8_p: p[batch][:, None], IMAGES, IMAGES, fp32_p)
        tried = attempt("minmax", MEN, fp32_p, looked_at)
        assert (tried.images, tried.changed_decisions, tried.passed) == (1000, 0.0, True)


def test_images_are_those_of_the_rows_in_their_order() -> None:
    rows = IMAGES[::-3]
    looked_at = until_refuted(lambda batch: batch[:, None] / 1000, IMAGES, rows, rows / 1000)
    assert looked_at.tolist() == (rows / 1000).tolist()
