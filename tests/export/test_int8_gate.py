import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import GENDER, Label
from data.labels import MISSING
from export.forms import BATCH_SIZE
from export.int8_gate import MAX_CHANGED, judge, predict_until_refuted


def both(p_man: np.ndarray) -> np.ndarray:
    """Class probabilities of gender, float [N, 2]."""
    return np.stack([1 - p_man, p_man], axis=1)


CODES = np.arange(1000)[:, None] % 2
SURE = both(np.where(CODES[:, 0] == 1, 0.9, 0.1))


def with_wrong(count: int) -> np.ndarray:
    p = SURE.copy()
    p[:count] = 1 - p[:count]
    return p


@given(st.integers(0, 40))
def test_the_gate_opens_up_to_its_limits(wrong: int) -> None:
    trial = judge("minmax", [GENDER], CODES, SURE, with_wrong(wrong))
    assert trial.settings == "minmax"
    assert abs(trial.accuracy_lost - wrong / 1000) < 1e-9
    assert trial.changed_decisions == wrong / 1000
    assert trial.passed == (wrong <= 5)


@given(st.integers(0, 40))
def test_changed_decisions_count_even_if_they_are_for_the_better(fixed: int) -> None:
    trial = judge("minmax", [GENDER], CODES, with_wrong(fixed), SURE)
    assert trial.accuracy_lost <= 0
    assert trial.passed == (fixed <= 10)


def test_predictions_that_are_no_numbers_fail() -> None:
    p = SURE.copy()
    p[1] = np.nan  # a man: the decision stays the same
    trial = judge("minmax", [GENDER], CODES, SURE, p)
    assert trial.changed_decisions == 0
    assert not trial.passed


@given(st.sets(st.integers(0, 999), max_size=60))
def test_the_verdict_is_the_same_as_after_all_images(wrong: set[int]) -> None:
    int8_p = SURE.copy()
    int8_p[list(wrong)] = 1 - int8_p[list(wrong)]
    done: list[int] = []
    images = np.arange(1000)  # an image is its number here
    p = predict_until_refuted(
        lambda batch: int8_p[batch],
        images,
        images,
        [GENDER],
        SURE,
        lambda images_done, images_in_all: done.append(images_done),
    )
    assert done[-1] == len(p)
    assert p.tolist() == int8_p[: len(p)].tolist()
    trial = judge("minmax", [GENDER], CODES, SURE, p)
    assert trial.images == len(p)
    assert trial.passed == judge("minmax", [GENDER], CODES, SURE, int8_p).passed
    too_many = sorted(wrong)[10] if len(wrong) > 10 else None
    if too_many is not None:
        assert len(p) <= too_many + BATCH_SIZE


IMAGES = np.arange(1000)  # an image is its number here
MEN = np.ones((1000, 1), int)


def p_with_changed(count: int) -> np.ndarray:
    """What a model says that calls the last `count` of 1000 men women."""
    return both(np.repeat([0.9, 0.1], [1000 - count, count]))


@pytest.mark.parametrize(("changed", "passed"), [(10, True), (11, False)])
def test_as_many_changed_decisions_as_allowed_are_looked_at_to_the_end(
    changed: int, passed: bool
) -> None:
    """They change for the better, so that accuracy has no say."""
    assert len(IMAGES) * MAX_CHANGED == 10
    int8_p, fp32_p = p_with_changed(0), p_with_changed(changed)
    seen_p = predict_until_refuted(lambda batch: int8_p[batch], IMAGES, IMAGES, [GENDER], fp32_p)
    assert len(seen_p) == 1000
    trial = judge("minmax", [GENDER], MEN, fp32_p, seen_p)
    assert (trial.changed_decisions, trial.passed) == (changed / 1000, passed)
    assert trial.accuracy_lost == -changed / 1000


def test_as_many_changed_at_the_beginning_stop_nothing() -> None:
    int8_p, fp32_p = p_with_changed(0), p_with_changed(10)[::-1]
    seen_p = predict_until_refuted(lambda batch: int8_p[batch], IMAGES, IMAGES, [GENDER], fp32_p)
    assert len(seen_p) == 1000
    assert judge("minmax", [GENDER], MEN, fp32_p, seen_p).passed


@pytest.mark.parametrize(("lost", "passed"), [(5, True), (6, False)])
def test_accuracy_lost_is_what_fp32_had_more(lost: int, passed: bool) -> None:
    trial = judge("minmax", [GENDER], MEN, p_with_changed(0), p_with_changed(lost))
    assert (trial.accuracy_lost, trial.changed_decisions) == (lost / 1000, lost / 1000)
    assert trial.passed is passed


def test_half_is_a_decision_for_man_in_both_models() -> None:
    half, more = both(np.full(1000, 0.5)), both(np.full(1000, 0.6))
    for fp32_p, int8_p in ((half, more), (more, half)):
        seen_p = predict_until_refuted(
            lambda batch, p=int8_p: p[batch], IMAGES, IMAGES, [GENDER], fp32_p
        )
        trial = judge("minmax", [GENDER], MEN, fp32_p, seen_p)
        assert (trial.images, trial.changed_decisions, trial.passed) == (1000, 0.0, True)


def test_images_are_those_of_the_rows_in_their_order() -> None:
    rows = IMAGES[::-3]
    fp32_p = both(rows / 1000)
    seen_p = predict_until_refuted(lambda batch: both(batch / 1000), IMAGES, rows, [GENDER], fp32_p)
    assert seen_p.tolist() == fp32_p.tolist()


HAIR = Label(name="hair", classes=("fair", "brown", "black"))
TWO = [GENDER, HAIR]
OF_TWO = np.hstack([SURE, np.eye(3)[np.arange(1000) % 3]])
CODES_OF_TWO = np.hstack([CODES, np.arange(1000)[:, None] % 3])


def with_other_hair(rows: np.ndarray) -> np.ndarray:
    """What a model says that takes the next hair color for some images."""
    p = OF_TWO.copy()
    p[rows, 2:] = np.roll(p[rows, 2:], 1, axis=1)
    return p


@pytest.mark.parametrize(("wrong", "passed"), [(5, True), (6, False)])
def test_the_label_that_loses_most_decides(wrong: int, passed: bool) -> None:
    trial = judge("minmax", TWO, CODES_OF_TWO, OF_TWO, with_other_hair(np.arange(wrong)))
    assert (trial.accuracy_lost, trial.changed_decisions) == (wrong / 1000, wrong / 1000)
    assert trial.passed is passed


def test_a_gain_on_one_label_does_not_pay_for_a_loss_on_another() -> None:
    fp32_p = OF_TWO.copy()
    fp32_p[:8, :2] = 1 - fp32_p[:8, :2]  # INT8 is better on eight women and men
    trial = judge("minmax", TWO, CODES_OF_TWO, fp32_p, with_other_hair(np.arange(6)))
    assert trial.accuracy_lost == 6 / 1000 and not trial.passed


def test_images_without_a_code_count_for_changed_decisions_alone() -> None:
    codes = CODES_OF_TWO.copy()
    codes[:8, 1] = MISSING
    trial = judge("minmax", TWO, codes, OF_TWO, with_other_hair(np.arange(9)))
    assert trial.accuracy_lost == pytest.approx(1 / 992)
    assert (trial.changed_decisions, trial.passed) == (9 / 1000, True)
    assert not judge("minmax", TWO, codes, OF_TWO, with_other_hair(np.arange(11))).passed


def test_a_label_that_no_image_has_loses_nothing() -> None:
    codes = np.full_like(CODES_OF_TWO, MISSING)
    trial = judge("minmax", TWO, codes, OF_TWO, with_other_hair(np.arange(9)))
    assert (trial.accuracy_lost, trial.passed) == (0, True)


def test_no_label_may_change_too_often_while_predicting() -> None:
    int8_p = with_other_hair(np.arange(11))
    seen = predict_until_refuted(lambda batch: int8_p[batch], IMAGES, IMAGES, TWO, OF_TWO)
    assert len(seen) == BATCH_SIZE
    spread = OF_TWO.copy()  # ten on either label are no more than allowed
    spread[:10, :2] = 1 - spread[:10, :2]
    spread[10:20] = with_other_hair(np.arange(10, 20))[10:20]
    seen = predict_until_refuted(lambda batch: spread[batch], IMAGES, IMAGES, TWO, OF_TWO)
    assert len(seen) == 1000
