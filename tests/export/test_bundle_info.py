from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.bundle_info import describe
from export.source import RecordedPredictions, Source
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import WinnerFacts


def recorded(seed: int) -> RecordedPredictions:
    """Predictions that are correct as often as they say."""
    random = np.random.default_rng(seed)
    p_man = random.uniform(size=500)
    return RecordedPredictions(
        np.arange(500), (random.uniform(size=500) < p_man).astype(int), p_man
    )


VAL, TEST = recorded(0), recorded(1)


@pytest.fixture
def source(small_run: RunFolder, image_cache: Path) -> Source:
    return Source.open(small_run, image_cache, target_accuracy=0.9)


@pytest.fixture
def facts(source: Source) -> WinnerFacts:
    return source.run.read_metrics().winners["vgg16"]


def test_the_band_is_chosen_on_validation_and_measured_on_test_images(
    source: Source, facts: WinnerFacts
) -> None:
    info = describe(source, facts, VAL, TEST)
    band, metrics = info.band, info.metrics.model_dump()
    assert band and band.target_accuracy == 0.9
    for part, accuracy, uncertain in (
        (VAL, band.accuracy, band.share_uncertain),
        (TEST, metrics["test_decided_accuracy"], metrics["test_share_uncertain"]),
    ):
        decided = (part.p_man <= band.low) | (part.p_man >= band.high)
        correct = (part.p_man >= 0.5) == (part.labels == 1)
        assert 0.1 < decided.mean() < 0.9
        assert accuracy == pytest.approx(correct[decided].mean())
        assert uncertain == pytest.approx(1 - decided.mean())
    assert band.accuracy and band.accuracy >= 0.9
    assert band.accuracy != metrics["test_decided_accuracy"]


def test_without_a_target_the_band_has_that_of_the_run(source: Source, facts: WinnerFacts) -> None:
    info = describe(replace(source, target_accuracy=None), facts, VAL, TEST)
    assert info.band and info.band.target_accuracy == facts.band.target_accuracy != 0.9


def test_if_no_image_is_decided_there_is_no_accuracy(source: Source, facts: WinnerFacts) -> None:
    opposite = replace(VAL, labels=(VAL.p_man < 0.5).astype(int))
    metrics = describe(source, facts, opposite, TEST).metrics.model_dump()
    assert metrics["test_share_uncertain"] == 1
    assert metrics["test_decided_accuracy"] is None


def test_facts_of_the_run_and_its_winner_are_kept(source: Source, facts: WinnerFacts) -> None:
    info = describe(source, facts, VAL, TEST)
    assert (info.run, info.backbone, info.synthetic) == ("small", "vgg16", True)
    assert info.data.counts == {"train": 96, "val": 120, "test": 120}
    metrics = info.metrics.model_dump()
    assert (metrics["test_accuracy"], metrics["val_accuracy"]) == (0.9, 0.95)
    assert info.hyperparameters["learning_rate"] == 3e-3
    assert {"keras", "tf2onnx", "onnxruntime", "face-classifier-tuner"} <= set(info.versions)
