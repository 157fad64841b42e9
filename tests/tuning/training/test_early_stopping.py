"""When a training stops, and what is known of its epochs."""

import time

import numpy as np
import pytest

from data import GENDER
from tuning import metrics
from tuning.training.early_stopping import DivergedError, Validation, hopeless

CODES = np.array([[0], [1], [1]])


def logits(spread: float) -> np.ndarray:
    """Correct ones: the larger the surer, the smaller the Brier score."""
    return np.array([[-spread], [spread], [spread]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_or_a_logit_that_is_no_number_ends_the_training(bad: float) -> None:
    watch = Validation([GENDER], CODES, epochs=3, patience=2)
    watch.epoch(logits(1.0), 0.5)
    with pytest.raises(DivergedError, match="diverged in epoch 2"):
        watch.epoch(logits(1.0), bad)
    with pytest.raises(DivergedError, match="diverged in epoch 2"):
        watch.epoch(np.array([[0.0], [bad], [0.0]]), 0.5)
    assert len(watch.history) == 1


def test_an_epoch_has_the_figures_of_the_validation_split(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter((100.0, 102.0, 105.5))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    watch = Validation([GENDER], CODES, epochs=3, patience=2)
    given = np.array([[0.5], [2.0], [-1.0]])
    watch.epoch(given, 0.7)
    watch.epoch(logits(1.0), 0.6)
    first, second = watch.history
    codes, p = CODES[:, 0], metrics.probabilities([GENDER], given)
    assert (first.epoch, first.loss, second.epoch, second.loss) == (1, 0.7, 2, 0.6)
    assert first.val_accuracy == pytest.approx(1 / 3)
    assert first.val_auc == metrics.auc(codes, p)
    assert first.val_brier == metrics.brier(codes, p)
    assert first.val_loss == metrics.log_loss(codes, p)
    assert (first.seconds, second.seconds) == (2.0, 3.5)


def test_an_epoch_as_good_as_the_best_is_no_improvement() -> None:
    """The weights kept are those of the earliest best epoch."""
    watch = Validation([GENDER], CODES, epochs=9, patience=9)
    improved = []
    for spread in (1.0, 2.0, 2.0, 1.5, 3.0):
        watch.epoch(logits(spread), 0.1)
        improved.append(watch.improved)
    assert improved == [True, True, False, False, True]
    assert watch.best is watch.history[-1]


def test_patience_is_counted_from_the_best_epoch() -> None:
    watch = Validation([GENDER], CODES, epochs=9, patience=2)
    ended = []
    for spread in (1.0, 0.5, 2.0, 1.0, 1.9):
        watch.epoch(logits(spread), 0.1)
        ended.append(watch.ended)
    assert ended == [False, False, False, False, True]
    assert watch.best.epoch == 3


@pytest.mark.parametrize(("score_to_beat", "ended"), [(None, False), (0.0, True), (0.9, False)])
def test_a_training_that_cannot_win_ends(score_to_beat: float | None, ended: bool) -> None:
    watch = Validation([GENDER], CODES, 3, 9, score_to_beat)
    watch.epoch(logits(1.00), 0.1)
    watch.epoch(logits(1.01), 0.1)
    assert watch.ended is ended


def test_whoever_watches_hears_of_each_epoch() -> None:
    heard = []
    watch = Validation([GENDER], CODES, 2, 9, on_epoch=lambda *news: heard.append(news))
    for spread in (1.0, 2.0):
        watch.epoch(logits(spread), 0.1)
    assert [news[0] for news in heard] == watch.history
    assert {news[-1] for news in heard} == {2}


@pytest.mark.parametrize(
    ("scores", "stops"),
    [
        ([0.5], False),
        ([0.5, 0.4], False),  # 0.4 - 2 * 0.1 * 2 is below 0.05
        ([0.5, 0.49], True),
        ([0.5, 0.6], True),
        ([0.04, 0.6], False),
        ([0.2, 0.1, 0.09, 0.08], True),
    ],
)
def test_a_training_stops_when_it_can_no_longer_win(scores: list[float], stops: bool) -> None:
    assert hopeless(scores, epochs=4, score_to_beat=0.05) is stops


@pytest.mark.parametrize(("score_to_beat", "stops"), [(0.19, True), (0.21, False)])
def test_every_epoch_left_may_bring_twice_what_the_last_one_brought(
    score_to_beat: float, stops: bool
) -> None:
    assert hopeless([0.5, 0.4], epochs=3, score_to_beat=score_to_beat) is stops
