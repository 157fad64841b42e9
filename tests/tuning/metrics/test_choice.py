"""What the best of several is worth: by simulation where the truth is known."""

import numpy as np
import pytest
from probability_cases import both

from data import GENDER, Label
from data.labels import MISSING
from tuning import metrics

BRIGHT = Label(name="Bright", classes=("no", "yes"))


def models(count: int, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Codes of 300 images, and models that all are correct on 0.9 of such images."""
    codes = np.arange(300) % 2
    hard = rng.normal(size=300)
    given = {}
    for name in range(count):
        off = (hard + rng.normal(size=300)) / np.sqrt(2) > 1.2816
        given[str(name)] = both(np.where(off, 1 - codes, codes) * 0.8 + 0.1)
    return codes[:, None], given


def test_the_luck_of_the_best_of_five_is_taken_off() -> None:
    rng = np.random.default_rng(0)
    apparent, corrected = [], []
    for _ in range(60):
        codes, given = models(5, rng)
        chosen = metrics.chosen_winner([GENDER], codes, given, np.arange(300))
        apparent.append(chosen.val_accuracy)
        corrected.append(chosen.val_accuracy_corrected)
    assert np.mean(apparent) > 0.9 + 0.01
    assert np.mean(corrected) == pytest.approx(0.9, abs=0.005)


def test_the_best_has_the_lowest_brier_score_and_its_figures_are_those_of_the_scores() -> None:
    codes, given = models(3, np.random.default_rng(1))
    codes = np.hstack([codes, codes])
    codes[::3, 1] = MISSING
    labels = (GENDER, BRIGHT)
    both_labels = {
        name: np.hstack([p, other])
        for (name, p), other in zip(given.items(), [*given.values()][::-1], strict=True)
    }
    scores = {name: metrics.mean_scores(labels, codes, p) for name, p in both_labels.items()}
    best = min(scores, key=lambda name: scores[name].brier)
    chosen = metrics.chosen_winner(labels, codes, both_labels, np.arange(300) // 2)
    assert (chosen.backbone, chosen.among) == (best, 3)
    assert chosen.val_brier == pytest.approx(scores[best].brier)
    assert chosen.val_accuracy == pytest.approx(scores[best].accuracy)


def test_one_that_was_not_chosen_needs_no_correction() -> None:
    codes, given = models(1, np.random.default_rng(2))
    chosen = metrics.chosen_winner([GENDER], codes, given, np.arange(300))
    assert chosen.val_brier == chosen.val_brier_corrected
    assert chosen.val_accuracy == chosen.val_accuracy_corrected


def test_one_that_is_better_by_far_was_not_lucky() -> None:
    codes, given = models(2, np.random.default_rng(3))
    given["0"] = both(codes[:, 0] * 0.9 + 0.05)
    chosen = metrics.chosen_winner([GENDER], codes, given, np.arange(300))
    assert chosen.backbone == "0"
    assert chosen.val_brier_corrected == pytest.approx(chosen.val_brier)


def test_what_other_images_say_of_the_models_counts_in_the_choice() -> None:
    codes, given = models(2, np.random.default_rng(4))
    alone = metrics.chosen_winner([GENDER], codes, given, np.arange(300))
    [other] = {"0", "1"} - {alone.backbone}
    known = {alone.backbone: 0.1, other: 0.0}
    chosen = metrics.chosen_winner([GENDER], codes, given, np.arange(300), known)
    assert chosen.backbone == other
    assert chosen.val_brier >= alone.val_brier, "the figures are those of the images"
    assert chosen.val_brier_corrected == pytest.approx(chosen.val_brier), "luck had no part"
