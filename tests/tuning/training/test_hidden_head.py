from collections.abc import Callable

import numpy as np
import pytest
from tiny_training import chosen, examples, training_data

from data import GENDER, Label
from tuning.backbones.transfer_model import TransferModel
from tuning.metrics import fit_calibrations
from tuning.training.batches import TrainingData
from tuning.training.hidden_head import HiddenHeadConfig, fit_hidden_head
from tuning.training.validation import DivergedError

HEAD = chosen(depth=0, head_units=16, learning_rate=1e-3)
HAIR = Label(name="hair", classes=("fair", "brown", "black"))
FEATURES = 832  # of GoogLeNet's pooled stage 3


def data(count: int = 300, labels: tuple[Label, ...] = (GENDER,)) -> TrainingData:
    """Features about zero, as standardized ones are."""
    return training_data((FEATURES,), count, 100, labels, offset=-1.3)


@pytest.mark.parametrize("labels", [(GENDER,), (GENDER, HAIR)], ids=len)
def test_a_head_learns_what_can_be_learned(
    labels: tuple[Label, ...], model_of: Callable[[str], TransferModel]
) -> None:
    given = data(labels=labels)
    config = HiddenHeadConfig(epochs=20, patience=20, seconds=60, seed=0)
    head = fit_hidden_head(model_of("googlenet"), HEAD, given, config)
    assert len(head.history) == 20
    hidden, bias = head.weights["hidden/kernel"], head.weights["hidden/bias"]
    layer = np.maximum(given.val.views[0].astype(np.float32) @ hidden + bias, 0)
    logits = layer @ head.weights["logit/kernel"] + head.weights["logit/bias"]
    correct = (logits[:, 0] > 0) == (given.val.codes[:, 0] == 1)
    assert correct.mean() > 0.95
    for again in fit_calibrations(labels, given.val.codes, logits):
        assert again.slope == pytest.approx(1, abs=0.02), "its logits are calibrated"


def test_it_stops_when_no_epoch_is_better(model_of: Callable[[str], TransferModel]) -> None:
    config = HiddenHeadConfig(epochs=50, patience=2, seconds=60, seed=0)
    given = data(60)
    noise = TrainingData(given.train, examples((FEATURES,), 50, offset=-1.3), given.loss)
    noise.val.codes[:] = np.random.default_rng(5).integers(0, 2, (50, 1))
    head = fit_hidden_head(model_of("googlenet"), HEAD, noise, config)
    assert len(head.history) == head.best.leg + 2 < 50


def test_it_stops_when_its_time_is_over(model_of: Callable[[str], TransferModel]) -> None:
    config = HiddenHeadConfig(epochs=50, patience=50, seconds=0, seed=0)
    heard = []
    head = fit_hidden_head(
        model_of("googlenet"), HEAD, data(60), config, lambda *news: heard.append(news)
    )
    assert len(head.history) == 1 and heard == [(1, 50)]


def test_the_same_seed_gives_the_same_head(model_of: Callable[[str], TransferModel]) -> None:
    given = data(80)
    scores = [
        fit_hidden_head(
            model_of("googlenet"), HEAD, given, HiddenHeadConfig(2, 9, 60, seed)
        ).best.val_brier
        for seed in (1, 1, 2)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6) != scores[2]


def test_a_head_that_diverges_says_so(model_of: Callable[[str], TransferModel]) -> None:
    config = HiddenHeadConfig(epochs=3, patience=3, seconds=60, seed=0)
    steep = HEAD.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(DivergedError):
        fit_hidden_head(model_of("googlenet"), steep, data(60), config)
