"""Trainings of which the legs are known: who goes on, who has ended, whose turn it is."""

import pytest
from small_search import chosen, history, result_of

from tuning.runs.schema import TrialRecord
from tuning.search import racing


def tuned(
    trial: str,
    *accuracies: float,
    ended: str = "",
    start: str | None = None,
    from_pixels: bool = False,
    seconds: float = 2.0,
    offset: float = 0.0,
) -> TrialRecord:
    """A fine-tuned trial on a thousand images, with legs of a thousand."""
    result = result_of(chosen(1), *accuracies, seconds=seconds)
    result = result.model_copy(update={"score": result.val_brier + offset})
    return TrialRecord(
        trial=trial, values=chosen(1).model_dump(), result=result if accuracies else None,
        ended=ended, start=start, from_pixels=from_pixels,
    )  # fmt: skip


BEST = tuned("0", 0.6, 0.7, 0.8, 0.85, 0.9)


def test_legs_that_bring_less_than_half_a_percent_of_the_score_bring_nothing() -> None:
    assert racing.has_converged(history(0.8, 0.9, 0.9002), patience=1)
    assert not racing.has_converged(history(0.8, 0.9, 0.901), patience=1)
    assert not racing.has_converged(history(0.8, 0.9, 0.9002), patience=2)
    assert not racing.has_converged(history(0.9), patience=2)


def test_what_a_training_began_with_counts_where_that_was_fine_tuned() -> None:
    legs = history(0.85, 0.89)
    assert not racing.has_converged(legs, patience=1)
    assert racing.has_converged(legs, patience=1, start=0.1)


@pytest.mark.parametrize(
    ("accuracies", "behind"),
    [((0.59,), True), ((0.599,), False), ((0.5, 0.72), False), ((0.5, 0.6, 0.79), True)],
)
def test_a_challenger_is_compared_with_the_best_after_as_many_images(
    accuracies: tuple[float, ...], behind: bool
) -> None:
    challenger = tuned("1", *accuracies).result
    assert challenger and BEST.result
    assert racing.is_behind(challenger, BEST.result) is behind


def test_scores_are_compared_not_the_figures_of_the_validation_images() -> None:
    """The one's head was lucky on them, as its out-of-fold predictions say."""
    lucky = tuned("1", 0.65, 0.75, offset=0.1).result
    assert lucky and BEST.result
    assert racing.is_behind(lucky, BEST.result)


def test_less_far_than_the_first_leg_of_the_best_nobody_is_behind() -> None:
    short = tuned("1", 0.1).result
    assert short and BEST.result
    (leg,) = short.history
    short = short.model_copy(update={"history": (leg.model_copy(update={"images": 900}),)})
    assert not racing.is_behind(short, BEST.result)


def test_nobody_is_judged_before_four_epochs() -> None:
    for legs in (1, 2, 3):
        assert racing.verdict(tuned("1", *[0.5] * legs), BEST, None, patience=1) == ""
    assert racing.verdict(tuned("1", *[0.5] * 4), BEST, None, patience=1) == "converged"
    assert racing.verdict(tuned("1", 0.4, 0.5, 0.6, 0.7), BEST, None, patience=1) == "behind"
    assert racing.verdict(tuned("1", 0.4, 0.5, 0.6, 0.7), None, None, patience=1) == ""


def test_of_many_images_twenty_thousand_are_enough() -> None:
    trial = tuned("1", *[0.5] * 19)
    assert trial.result
    many = trial.model_copy(update={"result": trial.result.model_copy(update={"trained": 10**6})})
    assert racing.verdict(many, BEST, None, patience=1) == ""
    more = tuned("1", *[0.5] * 20)
    assert racing.verdict(more, BEST, None, patience=1) == "converged"


def test_only_who_began_with_its_own_head_is_compared_with_the_best() -> None:
    accuracies = (0.4, 0.5, 0.6, 0.7)
    assert racing.verdict(tuned("1", *accuracies), BEST, None, 1) == "behind"
    assert racing.verdict(tuned("1", *accuracies, from_pixels=True), BEST, None, 1) == ""
    start = tuned("2", 0.6)
    assert racing.verdict(tuned("3", *accuracies, start="2"), BEST, start, 1) == ""


def test_who_went_on_from_another_and_got_no_further_has_converged() -> None:
    start = tuned("0", 0.9)
    later = tuned("1", 0.5, 0.6, 0.7, 0.8, start="0")
    assert racing.verdict(later, start, start, patience=4) == "converged"
    assert racing.verdict(later, start, None, patience=4) == "behind"


def test_challengers_get_half_as_much_time_as_the_best() -> None:
    best = tuned("0", 0.7, 0.8, 0.85, 0.9, seconds=10.0)
    assert racing.wants_challenger([best], best)
    assert racing.wants_challenger([best, tuned("1", 0.5, seconds=4.9)], best)
    others = [tuned("1", 0.5, ended="behind", seconds=2.5), tuned("2", 0.5, seconds=2.5)]
    assert not racing.wants_challenger([best, *others], best)


def test_no_challenger_begins_before_the_best_can_be_judged() -> None:
    best = tuned("0", 0.7, 0.8, 0.85, seconds=10.0)
    assert not racing.wants_challenger([best], best)


def test_when_the_best_has_ended_all_time_is_the_challengers() -> None:
    best = tuned("0", 0.9, ended="converged", seconds=10.0)
    assert racing.wants_challenger([best, tuned("1", 0.5, seconds=99.0)], best)


def test_losers_count_from_when_the_best_began() -> None:
    trials = [
        tuned("0000", 0.5, ended="behind"),
        best := tuned("0001", 0.9, ended="converged"),
        tuned("0002", 0.5, ended="behind"),
        tuned("0003", 0.5),
        tuned("0010", ended="RuntimeError: out of memory"),
    ]
    assert racing.lost_in_a_row(trials, best) == 2
    assert [trial.trial for trial in racing.tuned(trials)] == [trial.trial for trial in trials]
