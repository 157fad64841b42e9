"""Slope and biases: found again, on unbalanced labels, on few images, on separable ones."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probability_cases import HAIR, both, many
from scipy import special
from sklearn.linear_model import LogisticRegression

from data import GENDER, Label
from data.labels import MISSING
from tuning import metrics
from tuning.metrics import Calibration


@pytest.mark.parametrize("label", [GENDER, HAIR])
def test_what_put_logits_wrong_is_undone(label: Label) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, label.width))
    p = metrics.probabilities([label], logits)
    codes = (rng.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    bias = np.array([0.8]) if label.is_binary else np.array([0.6, 0.1, -0.7])
    wrong = 3 * logits - bias
    calibration = metrics.fit_calibration(label, codes, wrong)
    assert calibration.slope == pytest.approx(1 / 3, rel=0.05)
    assert calibration.bias == pytest.approx(bias / 3, abs=0.05)
    before = metrics.calibration_error(codes, metrics.probabilities([label], wrong))
    after = metrics.calibration_error(codes, metrics.probabilities([label], wrong, [calibration]))
    assert after < 0.02 < before


def test_of_two_classes_it_is_logistic_regression() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (2000, 1))
    codes = (rng.random(2000) < special.expit(0.4 * logits[:, 0] - 1)).astype(int)
    reference = LogisticRegression(C=np.inf).fit(logits, codes)
    calibration = metrics.fit_calibration(GENDER, codes, logits)
    assert calibration.slope == pytest.approx(reference.coef_[0, 0], rel=0.01)
    assert calibration.bias[0] == pytest.approx(reference.intercept_[0], rel=0.01)


def weighted(images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of a label as unbalanced as `Young`, and what a head with class weights says."""
    rng = np.random.default_rng(seed)
    codes = (rng.random(images) < 0.77).astype(int)
    true = 1.4 * (rng.normal(2 * codes - 1, 1.2) / 0.72) + np.log(0.77 / 0.23)
    return codes, 1.5 * (true - np.log(0.77 / 0.23))[:, None]


def test_a_bias_calibrates_an_unbalanced_label_where_a_temperature_cannot() -> None:
    codes, logits = weighted(750, 0)
    calibration = metrics.fit_calibration(GENDER, codes, logits)
    others, of_others = weighted(20_000, 1)
    temperatures = [
        Calibration(slope=slope, bias=(0.0,)) for slope in np.geomspace(0.05, 20, 400).tolist()
    ]
    best = min(
        temperatures,
        key=lambda one: metrics.log_loss(codes, metrics.probabilities([GENDER], logits, [one])),
    )
    errors = {
        name: metrics.calibration_error(others, metrics.probabilities([GENDER], of_others, [one]))
        for name, one in (("temperature", best), ("slope and bias", calibration))
    }
    assert errors["slope and bias"] < 0.04 < 0.1 < errors["temperature"]


@pytest.mark.parametrize("images", [4, 10, 100, 1000])
def test_separable_images_make_nobody_endlessly_sure(images: int) -> None:
    codes = np.arange(images) % 2
    logits = np.where(codes == 1, 3.0, -3.0)[:, None]
    calibration = metrics.fit_calibration(GENDER, codes, logits)
    p = metrics.probabilities([GENDER], logits, [calibration])
    assert p.max() == pytest.approx(1 - 1 / (images + 2), abs=1e-3)
    assert calibration.bias == pytest.approx((0.0,), abs=1e-3)


@given(
    st.lists(st.tuples(st.sampled_from([-1, 0, 1, 2]), st.floats(-1e3, 1e3)), max_size=30),
    st.floats(1e-3, 1e3),
)
@settings(deadline=None)
def test_any_images_give_numbers(pairs: list[tuple[int, float]], scale: float) -> None:
    codes = np.array([code for code, _ in pairs], int)
    logits = np.outer([value for _, value in pairs], [scale, -1.0, 0.5]).reshape(-1, 3)
    calibration = metrics.fit_calibration(HAIR, codes, logits)
    assert 0.05 <= calibration.slope <= 20 and np.isfinite(calibration.bias).all()
    assert sum(calibration.bias) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("codes", [[], [1], [1, 1, 1], [MISSING, 1]])
def test_one_class_alone_says_nothing(codes: list[int]) -> None:
    logits = np.ones((len(codes), 1))
    assert metrics.fit_calibration(GENDER, np.array(codes, int), logits) == Calibration.none(GENDER)


def test_a_class_without_images_gets_little() -> None:
    codes = np.arange(600) % 2
    logits = np.random.default_rng(0).normal(size=(600, 3)) + 2 * np.eye(3)[codes]
    calibration = metrics.fit_calibration(HAIR, codes, logits)
    p = metrics.probabilities([HAIR], logits, [calibration])
    assert 0 < p[:, 2].mean() < 0.01


@pytest.mark.parametrize("label", [GENDER, HAIR])
def test_it_takes_milliseconds(label: Label) -> None:
    codes = np.arange(1000) % len(label.classes)
    logits = np.random.default_rng(0).normal(size=(1000, label.width))
    taken = []
    for _ in range(9):
        started = time.perf_counter()
        metrics.fit_calibration(label, codes, logits)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.02


def test_no_image_is_calibrated_by_its_own_person() -> None:
    """Whoever is turned around keeps what the others say of them."""
    codes, p = many(400)
    people = np.arange(400) // 4
    before = metrics.cross_fitted([HAIR], codes[:, None], p, people)
    turned = np.where(people == 7, (codes + 1) % 3, codes)
    after = metrics.cross_fitted([HAIR], turned[:, None], p, people)
    same = (before == after).all(axis=1)
    assert same[people == 7].all() and not same.all()


def test_calibrated_probabilities_are_cross_fitted_as_uncalibrated_ones() -> None:
    codes, p = many(400)
    calibration = Calibration(slope=0.4, bias=(1.0, 0.0, -1.0))
    other = metrics.probabilities([HAIR], np.log(p), [calibration])
    fitted = [metrics.cross_fitted([HAIR], codes[:, None], q, np.arange(400)) for q in (p, other)]
    np.testing.assert_allclose(*fitted, atol=1e-4)


def test_folds_do_not_depend_on_how_people_are_numbered() -> None:
    codes, p = many(300)
    people = np.arange(300) // 3
    numbers = np.random.default_rng(0).permutation(100)[people]
    fitted = [metrics.cross_fitted([HAIR], codes[:, None], p, who) for who in (people, numbers)]
    np.testing.assert_array_equal(*fitted)


def test_each_label_has_its_own_calibration() -> None:
    logits = np.array([[2.0, 1.0, 0.0, -3.0]])
    calibrations = [
        Calibration(slope=0.5, bias=(1.0,)), Calibration(slope=2.0, bias=(0.0, 1.0, -1.0))
    ]  # fmt: skip
    p = metrics.probabilities((GENDER, HAIR), logits, calibrations)
    assert p[0, 1] == pytest.approx(special.expit(2.0))
    assert p[0, 2:] == pytest.approx(special.softmax([2.0, 1.0, -7.0]))


def test_calibration_error_of_a_known_case() -> None:
    p = both([0.9, 0.9, 0.1, 0.1])
    assert metrics.calibration_error(np.array([1, 1, 0, 0]), p) == pytest.approx(0.1)


def test_calibration_of_many_classes_is_that_of_the_likeliest() -> None:
    p = np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]])
    assert metrics.calibration_error(np.array([0, 1]), p) == pytest.approx(0.1)


def test_calibration_is_of_means_in_fifteen_bins() -> None:
    """In one bin gaps cancel, in two they add; 1.0 lies in the last bin."""
    codes = np.array([1, 0])
    assert metrics.calibration_error(codes, both([0.41, 0.46])) == pytest.approx(0.065)
    assert metrics.calibration_error(codes, both([0.39, 0.41])) == pytest.approx(0.51)
    assert metrics.calibration_error(codes[::-1], both([1.0, 0.94])) == pytest.approx(0.47)
    assert metrics.calibration_error(codes, both([0.94, 0.93])) == pytest.approx(0.495)
