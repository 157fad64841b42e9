import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from export.forms import BATCH_SIZE
from export.int8_gate import judge, predict_until_refuted

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
