import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.forms import BATCH_SIZE
from export.int8_gate import MAX_CHANGED, judge, predict_until_refuted

LABELS = np.arange(1000) % 2
SURE = np.where(LABELS == 1, 0.9, 0.1)


def with_wrong(count: int) -> np.ndarray:
    p_man = SURE.copy()
    p_man[:count] = 1 - p_man[:count]
    return p_man


@given(st.integers(0, 40))
def test_the_gate_opens_up_to_its_limits(wrong: int) -> None:
    trial = judge("minmax", LABELS, SURE, with_wrong(wrong))
    assert trial.settings == "minmax"
    assert abs(trial.accuracy_lost - wrong / 1000) < 1e-9
    assert trial.changed_decisions == wrong / 1000
    assert trial.passed == (wrong <= 5)


@given(st.integers(0, 40))
def test_changed_decisions_count_even_if_they_are_for_the_better(fixed: int) -> None:
    trial = judge("minmax", LABELS, with_wrong(fixed), SURE)
    assert trial.accuracy_lost <= 0
    assert trial.passed == (fixed <= 10)


def test_predictions_that_are_no_numbers_fail() -> None:
    p_man = SURE.copy()
    p_man[0] = np.nan  # a woman: the decision stays the same
    trial = judge("minmax", LABELS, SURE, p_man)
    assert trial.changed_decisions == 0
    assert not trial.passed


@given(st.sets(st.integers(0, 999), max_size=60))
def test_the_verdict_is_the_same_as_after_all_images(wrong: set[int]) -> None:
    int8_p = SURE.copy()
    int8_p[list(wrong)] = 1 - int8_p[list(wrong)]
    done: list[int] = []
    images = np.arange(1000)  # an image is its number here
    p_man = predict_until_refuted(
        lambda batch: int8_p[batch][:, None],
        images,
        images,
        SURE,
        lambda images_done, images_in_all: done.append(images_done),
    )
    assert done[-1] == len(p_man)
    assert p_man.tolist() == int8_p[: len(p_man)].tolist()
    trial = judge("minmax", LABELS, SURE, p_man)
    assert trial.images == len(p_man)
    assert trial.passed == judge("minmax", LABELS, SURE, int8_p).passed
    too_many = sorted(wrong)[10] if len(wrong) > 10 else None
    if too_many is not None:
        assert len(p_man) <= too_many + BATCH_SIZE


IMAGES = np.arange(1000)  # an image is its number here
MEN = np.ones(1000, int)


def p_man_with_changed(count: int) -> np.ndarray:
    """p_man of a model that calls the last `count` of 1000 men women."""
    return np.repeat([0.9, 0.1], [1000 - count, count])


@pytest.mark.parametrize(("changed", "passed"), [(10, True), (11, False)])
def test_as_many_changed_decisions_as_allowed_are_looked_at_to_the_end(
    changed: int, passed: bool
) -> None:
    """They change for the better, so that accuracy has no say."""
    assert len(IMAGES) * MAX_CHANGED == 10
    int8_p, fp32_p = p_man_with_changed(0), p_man_with_changed(changed)
    seen_p = predict_until_refuted(lambda batch: int8_p[batch][:, None], IMAGES, IMAGES, fp32_p)
    assert len(seen_p) == 1000
    trial = judge("minmax", MEN, fp32_p, seen_p)
    assert (trial.changed_decisions, trial.passed) == (changed / 1000, passed)
    assert trial.accuracy_lost == -changed / 1000


def test_as_many_changed_at_the_beginning_stop_nothing() -> None:
    int8_p, fp32_p = p_man_with_changed(0), p_man_with_changed(10)[::-1]
    seen_p = predict_until_refuted(lambda batch: int8_p[batch][:, None], IMAGES, IMAGES, fp32_p)
    assert len(seen_p) == 1000
    assert judge("minmax", MEN, fp32_p, seen_p).passed


@pytest.mark.parametrize(("lost", "passed"), [(5, True), (6, False)])
def test_accuracy_lost_is_what_fp32_had_more(lost: int, passed: bool) -> None:
    trial = judge("minmax", MEN, p_man_with_changed(0), p_man_with_changed(lost))
    assert (trial.accuracy_lost, trial.changed_decisions) == (lost / 1000, lost / 1000)
    assert trial.passed is passed


def test_half_is_a_decision_for_man_in_both_models() -> None:
    half, more = np.full(1000, 0.5), np.full(1000, 0.6)
    for fp32_p, int8_p in ((half, more), (more, half)):
        seen_p = predict_until_refuted(
            lambda batch, p=int8_p: p[batch][:, None], IMAGES, IMAGES, fp32_p
        )
        trial = judge("minmax", MEN, fp32_p, seen_p)
        assert (trial.images, trial.changed_decisions, trial.passed) == (1000, 0.0, True)


def test_images_are_those_of_the_rows_in_their_order() -> None:
    rows = IMAGES[::-3]
    seen_p = predict_until_refuted(lambda batch: batch[:, None] / 1000, IMAGES, rows, rows / 1000)
    assert seen_p.tolist() == (rows / 1000).tolist()
