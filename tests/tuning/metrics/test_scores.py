"""Figures by known cases, by their definitions, and by scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from probability_cases import HAIR, both, many
from sklearn import metrics as reference

from data import GENDER
from data.labels import MISSING
from tuning import metrics

CODES = np.array([0, 0, 1, 1, 1])
P = both([0.1, 0.5, 0.4, 0.8, 1.0])


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
    expected = metrics.fit_calibration(HAIR, codes[known], logits[known])
    assert metrics.fit_calibration(HAIR, some, logits) == expected


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


def test_a_split_with_one_decision_only_has_the_whole_confusion_matrix() -> None:
    scores = metrics.evaluate(GENDER, np.array([0, 1]), both([0.8, 0.9]))
    assert scores.confusion == ((0, 1), (0, 1))


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
    assert hat.with_.accuracy_interval == metrics.accuracy_interval(np.arange(30) < 28)
    assert hat.without.accuracy_interval == metrics.accuracy_interval(np.arange(50) < 30)


def test_logits_and_probabilities_are_each_other_s_inverse() -> None:
    labels = (GENDER, HAIR)
    logits = np.array([[-9.0, 1.0, 0.0, -3.0], [2.5, 0.5, 0.5, 0.5], [14.0, 0.0, 7.0, 1.0]])
    p = metrics.probabilities(labels, logits)
    np.testing.assert_allclose(metrics.probabilities(labels, metrics.logits_of(labels, p)), p)
    assert metrics.logits_of([GENDER], both([0.0, 1.0]))[:, 0] == pytest.approx(
        [-16.12, 16.12], abs=0.01
    )
    np.testing.assert_allclose(p[:, 2:].sum(axis=1), 1)
