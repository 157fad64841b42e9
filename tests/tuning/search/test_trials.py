"""The trials of a study: what a result is taken for."""

from pathlib import Path

import pytest
from small_search import result_of, small_backbone, small_context

from tuning.runs.schema import SearchImages, TrialRecord
from tuning.search.steps import Trained
from tuning.search.trials import Trials

IMAGES = SearchImages(train=1000, val=100, views=1)
CORRECTION = 0.004  # the validation images are that much easier than others


def solved(trials: Trials) -> list[TrialRecord]:
    """Heads in closed form, the first one the best."""
    heads = []
    while head := trials.next_head(IMAGES, set()):
        result = result_of(head.hyperparameters, 0.9, brier=0.03 + 0.01 * len(heads))
        score = result.val_brier + CORRECTION
        trained = Trained(result.model_copy(update={"score": score}), b"head")
        heads.append(trials.take_head(head, trained))
    return heads


def hidden(trials: Trials) -> TrialRecord:
    """The first fine-tuned trial whose head has a hidden layer; those before it bring nothing."""
    while not (trial := trials.next_tuned(False, set())).hyperparameters.head_units:  # type: ignore[union-attr]
        assert trial
        result = result_of(trial.hyperparameters, *[0.9] * 4, brier=0.05)
        trials.take_leg(trial, Trained(result, b"tail", b"checkpoint"))
    return trial


def test_a_hidden_layer_is_ranked_as_on_other_images_than_the_validation_images(
    tmp_path: Path,
) -> None:
    context = small_context(tmp_path, 4)
    context.run.study("googlenet").make()
    trials = Trials(context, small_backbone(), {2: (4,), 1: (4,)})
    first, *_ = solved(trials)
    head = trials.head_for(hidden(trials), IMAGES)
    assert head and head.hyperparameters.head_units and not head.hyperparameters.depth
    reached = result_of(head.hyperparameters, 0.9, brier=0.028)
    record = trials.take_head(head, Trained(reached, b"head"))
    assert record.score == pytest.approx(0.028 + CORRECTION)
    assert record.result and record.result.val_brier == 0.028
    assert trials.heads[0] == record and record.score < first.score
    assert trials.take_head(record, Trained(reached, b"head")).score == record.score
