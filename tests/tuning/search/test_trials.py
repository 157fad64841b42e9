"""The trials of a study: what a result is taken for."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_search import result_of, small_backbone, small_context

from tuning.backbones.registry import Tuning
from tuning.runs.schema import SearchImages, TrialRecord
from tuning.search.steps import Trained
from tuning.search.trials import Trials

IMAGES = SearchImages(train=1000, val=100, views=1)
EASIER = (0.004, -0.003, 0.002, 0.001)  # validation images than others, for each head


def solved(trials: Trials) -> list[TrialRecord]:
    """Heads in closed form, the first one the best."""
    heads = []
    while head := trials.next_head(IMAGES, set()):
        at = len(heads)
        result = result_of(head.hyperparameters, 0.9, brier=0.03 + 0.01 * at)
        score = result.val_brier + EASIER[at]
        trained = Trained(result.model_copy(update={"score": score}), b"head")
        heads.append(trials.take_head(head, trained))
    return heads


def tuned(trials: Trials, brier: float) -> TrialRecord:
    """The next fine-tuned trial with this Brier score on validation images, which ends with it."""
    trial = trials.next_tuned(False, set())
    assert trial
    result = result_of(trial.hyperparameters, *[0.9] * 4, brier=brier)
    return trials.take_leg(trial, Trained(result, b"tail", b"checkpoint"))


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    context = small_context(tmp_path, 4)
    context.run.study("googlenet").make()
    tunings = (Tuning(2, 1, 1e-3), Tuning(1, 1, 1e-3))
    backbone = replace(small_backbone(), tunings=tunings, frozen=0)
    return Trials(context, backbone, {2: (4,), 1: (4,)})


def test_a_hidden_layer_is_ranked_as_on_other_images_than_the_validation_images(
    trials: Trials,
) -> None:
    first, *_ = solved(trials)
    while not (trial := trials.next_tuned(False, set())).hyperparameters.head_units:  # type: ignore[union-attr]
        tuned(trials, 0.05)
    head = trials.head_for(trial, IMAGES)
    assert head and head.hyperparameters.head_units and not head.hyperparameters.depth
    reached = result_of(head.hyperparameters, 0.9, brier=0.028)
    record = trials.take_head(head, Trained(reached, b"head"))
    assert record.score == pytest.approx(0.028 + EASIER[0])
    assert record.result and record.result.val_brier == 0.028
    assert trials.heads[0] == record and record.score < first.score
    assert trials.take_head(record, Trained(reached, b"head")).score == record.score


def test_fine_tuned_trials_are_compared_by_the_same_images_whatever_they_begin_with(
    trials: Trials,
) -> None:
    first, second, *_ = solved(trials)
    assert first.score < second.score
    records = [tuned(trials, brier) for brier in (0.027, 0.026)]
    starts = [trials.start_of(record) for record in records]
    assert starts == [first, second]
    for record in records:
        assert record.result
        assert record.score == pytest.approx(record.result.val_brier + EASIER[0])
    assert trials.best == trials.best_tuned == records[-1]
