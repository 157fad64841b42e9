from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.labels import MISSING
from export.bundle_info import describe
from export.source import RecordedPredictions, Source
from tuning.metrics import cross_fitted
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import WinnerFacts


def recorded(seed: int) -> RecordedPredictions:
    """Predictions of gender that are correct as often as they say."""
    random = np.random.default_rng(seed)
    p_man = random.uniform(size=2000)
    codes = (random.uniform(size=2000) < p_man).astype(int)
    p = np.stack([1 - p_man, p_man], axis=1)
    return RecordedPredictions(np.arange(2000) % 240, codes[:, None], p)


VAL, TEST = recorded(0), recorded(1)


@pytest.fixture
def source(small_run: RunFolder, image_cache: Path) -> Source:
    return Source.open(small_run, image_cache, target_accuracy=0.8)


@pytest.fixture
def facts(source: Source) -> WinnerFacts:
    return source.run.read_metrics().winners["vgg16"]


def test_the_operating_point_is_chosen_on_validation_and_measured_on_test_images(
    source: Source, facts: WinnerFacts
) -> None:
    [label] = describe(source, facts, VAL, TEST).labels
    point, measured = label.operating_point, label.metrics.model_dump()
    fair = cross_fitted(source.labels, VAL.codes, VAL.p, source.people(VAL.rows))
    assert point and point.target_accuracy == 0.8
    for part, accuracy, uncertain in (
        (replace(VAL, p=fair), point.accuracy, point.share_uncertain),
        (TEST, measured["test_decided_accuracy"], measured["test_share_uncertain"]),
    ):
        decided = part.p.max(axis=1) >= point.least[0]
        correct = part.p.argmax(axis=1) == part.codes[:, 0]
        assert 0.1 < decided.mean() < 0.9
        assert accuracy == pytest.approx(correct[decided].mean())
        assert uncertain == pytest.approx(1 - decided.mean())
    assert point.accuracy and point.accuracy_bound and point.accuracy > point.accuracy_bound >= 0.8
    assert point.accuracy != measured["test_decided_accuracy"]


def test_without_a_target_the_point_is_that_of_the_run(source: Source, facts: WinnerFacts) -> None:
    recorded = source.recorded("vgg16")
    without = replace(source, target_accuracy=None)
    [label] = describe(without, facts, recorded["val"], recorded["test"]).labels
    assert label.operating_point
    assert label.operating_point.model_dump() == facts.labels[0].operating_point.model_dump()


def test_if_no_image_is_decided_there_is_no_accuracy(source: Source, facts: WinnerFacts) -> None:
    opposite = replace(VAL, codes=1 - VAL.p.argmax(axis=1)[:, None])
    info = describe(source, facts, opposite, TEST)
    metrics = info.metrics.model_dump()
    assert metrics["test_share_uncertain"] == 1
    assert metrics["test_decided_accuracy"] is None
    assert info.labels[0].operating_point.accuracy_bound is None


def test_facts_of_the_run_and_its_winner_are_kept(source: Source, facts: WinnerFacts) -> None:
    info = describe(source, facts, VAL, TEST)
    assert (info.run, info.backbone, info.synthetic) == ("small", "vgg16", True)
    assert info.data.counts == {"train": 96, "val": 120, "test": 120}
    metrics = info.metrics.model_dump()
    assert (metrics["test_accuracy"], metrics["val_accuracy"]) == (0.9, 0.95)
    assert metrics["macro_f1"] == facts.labels[0].test.macro_f1
    assert info.metrics == info.labels[0].metrics
    assert info.hyperparameters["learning_rate"] == 3e-3
    assert {"keras", "tf2onnx", "onnxruntime", "face-classifier-tuner"} <= set(info.versions)


def test_each_label_has_its_own_facts_and_the_top_their_means(
    run_of: Callable[[str], RunFolder], image_cache: Path
) -> None:
    run = run_of("three")
    facts = run.read_metrics().winners["vgg16"]
    source = Source.open(run, image_cache)
    recorded = source.recorded("vgg16")
    info = describe(source, facts, recorded["val"], recorded["test"])
    assert [(label.name, label.output) for label in info.labels] == [
        ("gender", "p_man"), ("Bright", "p_Bright"), ("green|amount", "p_green_amount"),
    ]  # fmt: skip
    assert len(info.labels[2].operating_point.least) == 5
    of_labels = [label.metrics.model_dump() for label in info.labels]
    assert of_labels[0]["test_accuracy"] == 0.9 < of_labels[1]["test_accuracy"]
    top = info.metrics.model_dump()
    assert "test_accuracy_interval" not in top or top["test_accuracy_interval"] is None
    for name in ("test_accuracy", "macro_f1", "auc", "val_brier", "test_decided_accuracy"):
        assert top[name] == pytest.approx(np.mean([figures[name] for figures in of_labels]))


def test_images_without_a_label_are_no_decisions_on_it(source: Source, facts: WinnerFacts) -> None:
    codes = TEST.codes.copy()
    sure = TEST.p.max(axis=1) > 0.9
    codes[sure] = MISSING
    all_of = describe(source, facts, VAL, TEST).metrics.model_dump()
    some = describe(source, facts, VAL, replace(TEST, codes=codes)).metrics.model_dump()
    assert some["test_share_uncertain"] > all_of["test_share_uncertain"] + 0.05
