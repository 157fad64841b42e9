"""Figures by known cases, by their definitions, and by brute force."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn import metrics as reference

from data import GENDER, Label
from data.labels import MISSING
from tuning import metrics

CODES = np.array([0, 0, 1, 1, 1])
HAIR = Label(name="hair", classes=("fair", "brown", "black"))


def both(second: object) -> np.ndarray:
    """The probabilities of two classes by those of the second."""
    p = np.asarray(second, dtype=float)
    return np.stack([1 - p, p], axis=1)


P = both([0.1, 0.5, 0.4, 0.8, 1.0])


def many(images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes of three classes, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, images)
    p = special.softmax(rng.normal(size=(images, 3)) + 1.5 * np.eye(3)[codes], axis=1)
    return codes, p


scored = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=120)


@given(scored, st.sampled_from([0.6, 0.8, 0.95]))
@settings(deadline=None)
def test_decisions_reach_the_target_by_their_lower_bound(
    pairs: list[tuple[bool, int]], target: float
) -> None:
    codes = np.array([int(code) for code, _ in pairs])
    p = both([twentieths / 20 for _, twentieths in pairs])
    point = metrics.operating_point(codes, p, target)
    if point.share_uncertain == 1:
        assert point.least == (1.0, 1.0)
        return
    given_ones = p.max(axis=1) >= point.least[0]
    correct = metrics.decisions(p)[given_ones] == codes[given_ones]
    assert point.accuracy == pytest.approx(correct.mean())
    assert point.share_uncertain == pytest.approx(1 - given_ones.mean())
    assert given_ones.mean() >= 0.5
    assert target <= (point.accuracy_bound or 0) <= point.accuracy


def test_all_is_decided_when_all_is_correct() -> None:
    codes = np.arange(300) % 2
    point = metrics.operating_point(codes, both(np.where(codes == 1, 0.9, 0.2)))
    assert (point.target_accuracy, point.accuracy, point.share_uncertain) == (0.98, 1.0, 0.0)
    assert point.accuracy_bound == pytest.approx(0.05 ** (1 / 300))


def test_a_network_that_is_always_sure_decides_all() -> None:
    codes = np.arange(300) % 2
    point = metrics.operating_point(codes, both(codes.astype(float)), target=0.98)
    assert point.share_uncertain == 0.0
    codes[:10] = 1 - codes[:10]  # the surest half is one at random
    point = metrics.operating_point(codes, both((np.arange(300) % 2).astype(float)), target=0.9)
    assert point.least[0] < 1 and point.share_uncertain == 0.0


def test_few_images_prove_little() -> None:
    """Ten correct decisions of ten bound the accuracy by 0.05 ** (1 / 10) = 0.74."""
    codes = np.arange(10) % 2
    point = metrics.operating_point(codes, both(np.where(codes == 1, 0.9, 0.1)))
    assert point.target_accuracy == 0.7
    assert point.accuracy_bound == pytest.approx(0.05 ** (1 / 10))


def test_hard_labels_get_the_target_that_half_of_them_reach() -> None:
    codes, p = many(3000)
    point = metrics.operating_point(codes, p)
    assert 0.6 <= point.target_accuracy <= 0.9
    assert point.share_uncertain <= 0.5
    assert len(set(point.least)) == 1 and len(point.least) == 3


def test_a_target_that_cannot_be_reached_leaves_nothing_decided() -> None:
    codes = np.arange(100) % 2
    point = metrics.operating_point(codes, both(np.full(100, 0.6)), 0.9)
    assert (point.least, point.accuracy, point.share_uncertain) == ((1.0, 1.0), 0.0, 1.0)


@pytest.mark.parametrize("label", [GENDER, HAIR])
def test_temperature_undoes_overconfidence(label: Label) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, label.width))
    p = metrics.probabilities([label], logits)
    codes = (rng.random((20_000, 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert metrics.fit_temperature(label, codes, 3 * logits) == pytest.approx(3, rel=0.05)
    before = metrics.calibration_error(codes, metrics.probabilities([label], 3 * logits))
    after = metrics.calibration_error(codes, p)
    assert after < 0.02 < before


def test_calibration_error_of_a_known_case() -> None:
    p = both([0.9, 0.9, 0.1, 0.1])
    assert metrics.calibration_error(np.array([1, 1, 0, 0]), p) == pytest.approx(0.1)


def test_calibration_of_many_classes_is_that_of_the_likeliest() -> None:
    p = np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]])
    assert metrics.calibration_error(np.array([0, 1]), p) == pytest.approx(0.1)


def test_evaluate_counts_by_class_and_decision() -> None:
    result = metrics.evaluate(GENDER, np.array([0, 0, 0, 1]), both([0.1, 0.2, 0.7, 0.8]))
    assert result.confusion == ((2, 1), (0, 1))
    assert result.accuracy == 0.75
    assert result.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    low, high = result.accuracy_interval
    assert low < 0.75 < high


def test_scores_are_what_their_names_say() -> None:
    scores = metrics.evaluate(GENDER, CODES, P)
    assert scores.count == 5
    assert scores.confusion == ((1, 1), (1, 2))  # 0.5 is a decision for the second class
    assert scores.accuracy == 3 / 5
    assert scores.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.macro_f1 == pytest.approx((2 / 4 + 4 / 6) / 2)
    assert scores.auc == pytest.approx(5 / 6)  # of six pairs one is in the wrong order
    assert scores.brier == pytest.approx((0.01 + 0.25 + 0.36 + 0.04) / 5)
    expected = -np.log([0.9, 0.5, 0.4, 0.8, 1.0]).mean()
    assert scores.log_loss == pytest.approx(expected, abs=1e-6)


def test_scores_of_many_classes_are_scikit_learn_s() -> None:
    codes, p = many(400)
    scores = metrics.evaluate(HAIR, codes, p)
    decided = p.argmax(axis=1)
    assert scores.accuracy == reference.accuracy_score(codes, decided)
    assert scores.balanced_accuracy == reference.balanced_accuracy_score(codes, decided)
    assert scores.macro_f1 == reference.f1_score(codes, decided, average="macro")
    assert scores.auc == pytest.approx(reference.roc_auc_score(codes, p, multi_class="ovr"))
    assert scores.log_loss == pytest.approx(reference.log_loss(codes, p))
    brier = reference.brier_score_loss(codes, p, scale_by_half=True)
    assert scores.brier == pytest.approx(brier)
    assert np.array(scores.confusion).sum() == 400


def test_images_without_the_label_count_nowhere() -> None:
    codes, p = many(400)
    some = np.where(np.arange(400) % 4 == 0, MISSING, codes)
    known = some != MISSING
    assert metrics.evaluate(HAIR, some, p) == metrics.evaluate(HAIR, codes[known], p[known])
    point = metrics.operating_point(codes[known], p[known])
    assert metrics.operating_point(some, p) == point
    logits = np.log(p)
    expected = metrics.fit_temperature(HAIR, codes[known], logits[known])
    assert metrics.fit_temperature(HAIR, some, logits) == expected


def test_a_class_that_is_absent_does_not_matter() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    scores = metrics.evaluate(HAIR, np.array([0, 1, 1, 0]), p)
    assert (scores.accuracy, scores.balanced_accuracy, scores.auc, scores.macro_f1) == (1, 1, 1, 1)
    assert scores.confusion == ((2, 0, 0), (0, 2, 0), (0, 0, 0))


def test_figures_of_several_labels_are_means() -> None:
    codes, p = many(50)
    gender, of_gender = codes % 2, both(p[:, 0])
    columns = np.stack([gender, codes], axis=1)
    scores = metrics.mean_scores([GENDER, HAIR], columns, np.hstack([of_gender, p]))
    parts = [metrics.evaluate(GENDER, gender, of_gender), metrics.evaluate(HAIR, codes, p)]
    for figure in ("accuracy", "auc", "brier", "log_loss"):
        expected = sum(getattr(part, figure) for part in parts) / 2
        assert getattr(scores, figure) == pytest.approx(expected)


def test_subgroups_need_enough_images_on_both_sides() -> None:
    manifest = pd.DataFrame({"Hat": [True] * 40 + [False] * 60, "Rare": [True] + [False] * 99})
    correct = np.where(manifest["Hat"], np.arange(100) % 2 == 0, True)
    rows = metrics.subgroups(manifest, ["Hat", "Rare"], correct)
    assert [row.attribute for row in rows] == ["Hat"]
    assert rows[0].gap == pytest.approx(-0.5)


def test_a_sure_mistake_costs_much_but_not_infinitely_much() -> None:
    wrong = metrics.log_loss(np.array([0, 1]), both([1.0, 0.0]))
    assert wrong == pytest.approx(-np.log(1e-7), rel=1e-3)


def test_intervals_are_wilson_s() -> None:
    """8 of 10: Newcombe's worked figures, 0.4902 to 0.9433."""
    assert metrics.accuracy_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=5e-5)


def test_a_split_with_one_decision_only_has_the_whole_confusion_matrix() -> None:
    scores = metrics.evaluate(GENDER, np.array([0, 1]), both([0.8, 0.9]))
    assert scores.confusion == ((0, 1), (0, 1))


def test_calibration_is_of_means_in_fifteen_bins() -> None:
    """In one bin gaps cancel, in two they add; 1.0 lies in the last bin."""
    codes = np.array([1, 0])
    assert metrics.calibration_error(codes, both([0.41, 0.46])) == pytest.approx(0.065)
    assert metrics.calibration_error(codes, both([0.39, 0.41])) == pytest.approx(0.51)
    assert metrics.calibration_error(codes[::-1], both([1.0, 0.94])) == pytest.approx(0.47)
    assert metrics.calibration_error(codes, both([0.94, 0.93])) == pytest.approx(0.495)


@pytest.mark.parametrize(
    ("share_correct", "spread", "expected"), [(1.0, 0.5, 0.05), (0.5, 3.0, 20.0)]
)
def test_a_temperature_has_bounds(share_correct: float, spread: float, expected: float) -> None:
    """A model that is always correct asks for no doubt at all, one like a coin for nothing else."""
    codes = np.arange(1000) % 2
    logits = np.where(codes == 1, spread, -spread)[:, None]
    logits[: int(1000 * (1 - share_correct))] *= -1
    assert metrics.fit_temperature(GENDER, codes, logits) == pytest.approx(expected, rel=0.01)


def group(size: int, correct: int) -> list[bool]:
    return [True] * correct + [False] * (size - correct)


def test_subgroups_come_by_the_size_of_their_gap_whichever_side_is_better() -> None:
    """Of 80 images 30 wear a hat, 28 of them correct; 40 smile, 20 of them correct."""
    correct = np.array([*group(30, 28), *group(10, 10), *group(40, 20)])
    rows = np.arange(80)
    manifest = pd.DataFrame(
        {"Hat": rows < 30, "Smiling": rows >= 40, "Few": rows < 29, "Most": rows < 51}
    )
    smiling, hat = metrics.subgroups(manifest, ["Hat", "Smiling", "Few", "Most"], correct)
    assert (smiling.attribute, smiling.gap) == ("Smiling", pytest.approx(20 / 40 - 38 / 40))
    assert (hat.attribute, hat.gap) == ("Hat", pytest.approx(28 / 30 - 30 / 50))
    assert (hat.with_.count, hat.without.count) == (30, 50)
    assert (hat.with_.accuracy, hat.without.accuracy) == (28 / 30, 30 / 50)
    assert hat.with_.accuracy_interval == metrics.accuracy_interval(28, 30)
    assert hat.without.accuracy_interval == metrics.accuracy_interval(30, 50)


def test_logits_and_probabilities_are_each_other_s_inverse() -> None:
    labels = (GENDER, HAIR)
    logits = np.array([[-9.0, 1.0, 0.0, -3.0], [2.5, 0.5, 0.5, 0.5], [14.0, 0.0, 7.0, 1.0]])
    p = metrics.probabilities(labels, logits)
    np.testing.assert_allclose(metrics.probabilities(labels, metrics.logits_of(labels, p)), p)
    assert metrics.logits_of([GENDER], both([0.0, 1.0]))[:, 0] == pytest.approx(
        [-16.12, 16.12], abs=0.01
    )
    np.testing.assert_allclose(p[:, 2:].sum(axis=1), 1)


def test_each_label_has_its_own_temperature() -> None:
    logits = np.array([[2.0, 1.0, 0.0, -3.0]])
    p = metrics.probabilities((GENDER, HAIR), logits, (2.0, 0.5))
    assert p[0, 1] == pytest.approx(special.expit(1.0))
    assert p[0, 2:] == pytest.approx(special.softmax([2.0, 0.0, -6.0]))
