"""A training in legs goes on as one that was not stopped."""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny_training import chosen, head_start, training_data

from data import GENDER, Label
from tuning.backbones.transfer_model import TransferModel
from tuning.metrics import fit_calibrations, mean_scores, probabilities
from tuning.runs.schema import Hyperparameters
from tuning.training import loop
from tuning.training.batches import Examples, TrainingData
from tuning.training.checkpoint import Checkpoint
from tuning.training.legs import BATCH_SIZE, LegConfig, LegOutcome, fit_leg
from tuning.training.predictions import predict
from tuning.training.tail_graphs import Form, tail_graphs
from tuning.training.validation import DivergedError

HAIR = Label(name="hair", classes=("fair", "brown", "black"))
SHAPE = (4, 4, 480)
FOREVER = 1e9


@pytest.fixture
def model(model_of: Callable[[str], TransferModel]) -> TransferModel:
    return model_of("googlenet")


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return training_data(SHAPE, 80)


def train(
    model: TransferModel,
    hyperparameters: Hyperparameters,
    data: TrainingData,
    images: int = 64,
    before: Checkpoint | None = None,
    seconds: float = FOREVER,
) -> LegOutcome:
    start = head_start(model, hyperparameters, tuple(data.loss.prior))
    return fit_leg(model, hyperparameters, data, LegConfig(images, seconds, 3, start, before))


def test_legs_that_are_taken_up_again_end_as_one_that_was_not_stopped(
    model: TransferModel, data: TrainingData
) -> None:
    """Other trainings come between them, and the state travels as bytes."""
    whole = train(model, chosen(), data, 192)
    before = None
    for _ in range(3):
        train(model, chosen(learning_rate=1e-3, dropout=0.5), data)
        part = train(model, chosen(), data, 64, before)
        before = Checkpoint.from_bytes(part.checkpoint.to_bytes())
    assert before is not None and before.images == whole.checkpoint.images == 192
    assert [leg.leg for leg in before.history] == [1, 2, 3]
    assert part.leg.val_brier == pytest.approx(whole.leg.val_brier, abs=1e-6)
    for name in ("logit/kernel", "inception_4a_1x1/kernel"):
        for of_part in ("weights", "average", "first", "second"):
            ours, theirs = getattr(before, of_part)[name], getattr(whole.checkpoint, of_part)[name]
            np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_it_learns_and_the_best_averages_are_what_was_scored(
    model: TransferModel, data: TrainingData
) -> None:
    outcome = train(model, chosen(), data, 640)
    assert outcome.leg.val_accuracy > 0.9
    assert outcome.tail is not None
    logits = predict(model, chosen(), outcome.tail, data.val)
    calibrations = fit_calibrations([GENDER], data.val.codes, logits)
    p = probabilities([GENDER], logits, calibrations)
    scores = mean_scores([GENDER], data.val.codes, p)
    assert scores.brier == pytest.approx(outcome.leg.val_brier, abs=1e-6)
    averaged, last = outcome.checkpoint.average, outcome.checkpoint.weights
    np.testing.assert_array_equal(outcome.tail["logit/kernel"], averaged["logit/kernel"])
    assert not np.array_equal(averaged["logit/kernel"], last["logit/kernel"])


def test_a_leg_that_is_not_the_best_leaves_no_tail(
    model: TransferModel, data: TrainingData
) -> None:
    first = train(model, chosen(), data)
    perfect = first.leg.model_copy(update={"val_brier": 0.0})
    behind = replace(first.checkpoint, history=(perfect,))
    assert train(model, chosen(), data, 64, behind).tail is None


def test_what_is_not_trained_stays(model: TransferModel, data: TrainingData) -> None:
    pretrained = model.weights.layers["inception_4a_1x1"][0]
    tail = train(model, chosen(), data, 256).tail
    assert tail is not None
    assert not np.array_equal(tail["inception_4a_1x1/kernel"], pretrained)
    assert (tail["standardize/moving_mean"] == 0.5).all()
    model.restore()
    layer = model.tail(3, 1, model.head(model_head(model))).layers[1].get_layer("inception_4a_1x1")
    np.testing.assert_array_equal(layer.get_weights()[0], pretrained)


def model_head(model: TransferModel) -> object:
    from tuning.backbones.head_features import FeatureStatistics
    from tuning.backbones.transfer_model import HeadConfig

    return HeadConfig(3, 1, 0, 0.0, FeatureStatistics.neutral(model.features(3, 1)))


def test_graphs_are_made_once_for_trials_that_differ_in_rates_and_weights(
    model: TransferModel, data: TrainingData
) -> None:
    more = training_data(SHAPE, 100)
    for learning_rate, dropout in ((1e-4, 0.1), (3e-4, 0.3), (1e-3, 0.5)):
        train(model, chosen(learning_rate=learning_rate, dropout=dropout), data)
    graphs = tail_graphs(model, Form.of(chosen(), 1, data.train))
    assert graphs is tail_graphs(model, Form.of(chosen(dropout=0.7), 1, more.train))
    assert graphs.step(data.loss).experimental_get_tracing_count() == 1


def test_a_leg_ends_early_when_its_time_is_over(model: TransferModel, data: TrainingData) -> None:
    outcome = train(model, chosen(), data, 10_000, seconds=0.0)
    assert outcome.checkpoint.images == outcome.leg.images == BATCH_SIZE


def test_whoever_watches_hears_how_far_it_is(model: TransferModel, data: TrainingData) -> None:
    heard: list[tuple[int, int]] = []
    start = head_start(model, chosen())
    leg = LegConfig(50, FOREVER, 0, start)
    fit_leg(model, chosen(), data, leg, lambda *news: heard.append(news))
    assert heard == [(32, 50), (50, 50)]


def test_a_loss_that_is_no_number_ends_the_training(
    model: TransferModel, data: TrainingData
) -> None:
    start = head_start(model, chosen())
    start["logit/kernel"][:] = np.inf
    with pytest.raises(DivergedError, match="diverged in leg 1"):
        fit_leg(model, chosen(), data, LegConfig(64, FOREVER, 0, start))


def test_a_leg_may_have_more_images_than_the_one_before(
    model: TransferModel, data: TrainingData
) -> None:
    first = train(model, chosen(), data)
    second = train(model, chosen(), training_data(SHAPE, 120), 64, first.checkpoint)
    assert [leg.images for leg in second.checkpoint.history] == [64, 128]


@pytest.mark.parametrize("labels", [(HAIR,), (GENDER, HAIR)], ids=len)
def test_it_learns_other_labels(model: TransferModel, labels: tuple[Label, ...]) -> None:
    outcome = train(model, chosen(), training_data(SHAPE, 80, 40, labels))
    assert 0 < outcome.leg.val_brier < 0.5


def test_the_learning_rate_rises_to_its_height(
    model: TransferModel, data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step of Adam is as long as its learning rate."""
    before = model.weights.layers["inception_4a_1x1"][0]

    def longest() -> float:
        state = train(model, chosen(), data, 32).checkpoint
        return float(np.abs(state.weights["inception_4a_1x1/kernel"] - before).max())

    warming = longest()
    monkeypatch.setattr(loop, "WARM_UP_IMAGES", 1)
    assert warming == pytest.approx(longest() * 32 / 1000, rel=0.05)


def test_from_pixels_the_frozen_stages_stay(model: TransferModel) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (40, 64, 64, 3), dtype=np.uint8)
    pixels = Examples([images, images[:, :, ::-1]], rng.integers(0, 2, (40, 1)))
    [at_cut] = keras.tree.flatten(model.trunk([2])(images, training=False))
    at_cut = at_cut.numpy().astype(np.float16)
    cached = Examples([at_cut], pixels.codes)
    data = training_data(SHAPE, 40)
    outcome = train(model, chosen(), replace(data, train=pixels, val=pixels))
    assert outcome.tail is not None
    assert not any("inception_3" in name for name in outcome.tail)
    logits = predict(model, chosen(), outcome.tail, pixels)
    np.testing.assert_allclose(logits, predict(model, chosen(), outcome.tail, cached), atol=0.02)


def test_all_stages_train_from_pixels(model: TransferModel) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (40, 64, 64, 3), dtype=np.uint8)
    pixels = Examples([images], rng.integers(0, 2, (40, 1)))
    data = replace(training_data(SHAPE, 40), train=pixels, val=pixels)
    outcome = train(model, chosen(stages=1, depth=1), data, 32)
    assert outcome.tail is not None and "conv1_7x7_s2/kernel" in outcome.tail
