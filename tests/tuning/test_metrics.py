"""Figures by known cases, by their definitions, and by brute force."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning import metrics

LABELS = np.array([0, 0, 1, 1, 1])
P_MAN = np.array([0.1, 0.5, 0.4, 0.8, 1.0])

predictions = st.lists(
    st.tuples(st.integers(0, 1), st.floats(0, 1, allow_nan=False)), min_size=1, max_size=60
)


@given(predictions, st.sampled_from([0.8, 0.95, 0.98, 1.0]))
def test_decisions_outside_the_band_reach_the_target(
    pairs: list[tuple[int, float]], target: float
) -> None:
    labels, p_man = (np.array(column) for column in zip(*pairs, strict=True))
    band = metrics.uncertainty_band(labels, p_man, target)
    assert 0 <= band.low <= 0.5 <= band.high
    if band.share_uncertain == 1:
        return
    decided = (p_man < band.low) | (p_man >= band.high)
    assert band.share_uncertain == pytest.approx(1 - decided.mean(), abs=0.5 / len(labels) + 1e-9)
    if decided.any():
        correct = (p_man[decided] >= 0.5) == (labels[decided] == 1)
        assert correct.mean() >= target - 1e-9


def test_the_band_is_empty_when_all_is_correct() -> None:
    band = metrics.uncertainty_band(np.array([0, 1, 1]), np.array([0.1, 0.9, 0.6]))
    assert (band.low, band.high, band.share_uncertain) == (0.5, 0.5, 0.0)


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < metrics.sigmoid(logits)).astype(int)
    assert metrics.fit_temperature(labels, 3 * logits) == pytest.approx(3, rel=0.05)
    before = metrics.calibration_error(labels, metrics.sigmoid(3 * logits))
    after = metrics.calibration_error(labels, metrics.sigmoid(logits))
    assert after < 0.02 < before


def test_calibration_error_of_a_known_case() -> None:
    labels = np.array([1, 1, 0, 0])
    assert metrics.calibration_error(labels, np.array([0.9, 0.9, 0.1, 0.1])) == pytest.approx(0.1)


def test_evaluate_counts_by_label_and_decision() -> None:
    result = metrics.evaluate(np.array([0, 0, 0, 1]), np.array([0.1, 0.2, 0.7, 0.8]))
    assert result.confusion == ((2, 1), (0, 1))
    assert result.accuracy == 0.75
    assert result.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    low, high = result.accuracy_interval
    assert low < 0.75 < high


def test_subgroups_need_enough_images_on_both_sides() -> None:
    manifest = pd.DataFrame(
        {"label": [0, 1] * 50, "Hat": [True] * 40 + [False] * 60, "Rare": [True] + [False] * 99}
    )
    p_man = np.where(manifest["Hat"], 0.9, manifest["label"])
    rows = metrics.subgroups(manifest, ["Hat", "Rare"], p_man)
    assert [row.attribute for row in rows] == ["Hat"]
    assert rows[0].gap == pytest.approx(-0.5)


def test_scores_are_what_their_names_say() -> None:
    scores = metrics.evaluate(LABELS, P_MAN)
    assert scores.count == 5
    assert scores.confusion == ((1, 1), (1, 2))  # 0.5 is a decision for man
    assert scores.accuracy == 3 / 5
    assert scores.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.auc == pytest.approx(5 / 6)  # of six pairs one is in the wrong order
    assert scores.brier == pytest.approx((0.01 + 0.25 + 0.36 + 0.04) / 5)
    expected = -np.log([0.9, 0.5, 0.4, 0.8, 1.0]).mean()
    assert scores.log_loss == pytest.approx(expected, abs=1e-6)


def test_a_sure_mistake_costs_much_but_not_infinitely_much() -> None:
    wrong = metrics.log_loss(np.array([0, 1]), np.array([1.0, 0.0]))
    assert wrong == pytest.approx(-np.log(1e-7), rel=1e-3)


def test_intervals_are_wilson_s() -> None:
    """8 of 10: Newcombe's worked figures, 0.4902 to 0.9433."""
    assert metrics.accuracy_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=5e-5)


def test_a_split_with_one_decision_only_has_the_whole_confusion_matrix() -> None:
    assert metrics.evaluate(np.array([0, 1]), np.array([0.8, 0.9])).confusion == ((0, 1), (0, 1))


def test_calibration_is_of_means_in_fifteen_bins() -> None:
    """In one bin gaps cancel, in two they add; 1.0 lies in the last bin."""
    labels = np.array([1, 0])
    assert metrics.calibration_error(labels, np.array([0.41, 0.46])) == pytest.approx(0.065)
    assert metrics.calibration_error(labels, np.array([0.39, 0.41])) == pytest.approx(0.51)
    assert metrics.calibration_error(labels[::-1], np.array([1.0, 0.94])) == pytest.approx(0.47)
    assert metrics.calibration_error(labels, np.array([0.94, 0.93])) == pytest.approx(0.495)


@pytest.mark.parametrize(
    ("share_correct", "spread", "expected"), [(1.0, 0.5, 0.05), (0.5, 3.0, 20.0)]
)
def test_a_temperature_has_bounds(share_correct: float, spread: float, expected: float) -> None:
    """A model that is always correct asks for no doubt at all, one like a coin for nothing else."""
    labels = np.arange(1000) % 2
    logits = np.where(labels == 1, spread, -spread)
    logits[: int(1000 * (1 - share_correct))] *= -1
    assert metrics.fit_temperature(labels, logits) == pytest.approx(expected, rel=0.01)


scored = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 20).map(lambda twentieths: twentieths / 20)),
    min_size=1,
    max_size=30,
)


@given(scored, st.sampled_from([0.6, 0.9, 1.0]))
def test_no_narrower_band_reaches_the_target(pairs: list[tuple[int, float]], target: float) -> None:
    labels, p_man = (np.array(column) for column in zip(*pairs, strict=True))
    correct = (p_man >= 0.5) == (labels == 1)
    distance = np.abs(p_man - 0.5)
    reached = {
        least: correct[distance >= least].mean()
        for least in np.unique(distance)
        if correct[distance >= least].mean() >= target
    }
    band = metrics.uncertainty_band(labels, p_man, target)
    assert band.target_accuracy == target
    if not reached:
        assert (band.low, band.high, band.accuracy, band.share_uncertain) == (0, 1, 0, 1)
        return
    least = min(reached)
    assert band.accuracy == pytest.approx(reached[least])
    assert band.share_uncertain == pytest.approx((distance < least).mean())
    inner = distance[distance < least]
    middle = (inner.max() + least) / 2 if len(inner) else 0.0
    assert (band.low, band.high) == pytest.approx((0.5 - middle, 0.5 + middle))


def group(size: int, correct: int) -> list[bool]:
    return [True] * correct + [False] * (size - correct)


def test_subgroups_come_by_the_size_of_their_gap_whichever_side_is_better() -> None:
    """Of 80 images 30 wear a hat, 28 of them correct; 40 smile, 20 of them correct."""
    correct = np.array([*group(30, 28), *group(10, 10), *group(40, 20)])
    rows = np.arange(80)
    manifest = pd.DataFrame(
        {"label": 1, "Hat": rows < 30, "Smiling": rows >= 40, "Few": rows < 29, "Most": rows < 51}
    )
    p_man = np.where(correct, 0.5, 0.49)
    smiling, hat = metrics.subgroups(manifest, ["Hat", "Smiling", "Few", "Most"], p_man)
    assert (smiling.attribute, smiling.gap) == ("Smiling", pytest.approx(20 / 40 - 38 / 40))
    assert (hat.attribute, hat.gap) == ("Hat", pytest.approx(28 / 30 - 30 / 50))
    assert (hat.with_.count, hat.without.count) == (30, 50)
    assert (hat.with_.accuracy, hat.without.accuracy) == (28 / 30, 30 / 50)
    assert hat.with_.accuracy_interval == metrics.accuracy_interval(28, 30)
    assert hat.without.accuracy_interval == metrics.accuracy_interval(30, 50)


def test_logits_and_probabilities_are_each_other_s_inverse() -> None:
    logits = np.array([-9.0, -0.3, 0.0, 2.5, 14.0])
    assert metrics.logit(metrics.sigmoid(logits)) == pytest.approx(logits)
    assert metrics.logit(np.array([0.0, 1.0])) == pytest.approx([-16.12, 16.12], abs=0.01)
