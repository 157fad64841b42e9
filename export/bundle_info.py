"""What `bundle.json` says before anything is exported: a winner's facts, from its run."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from statistics import mean

import numpy as np

from data.labels import MISSING, UNCERTAIN
from export.by_label import parts
from export.source import RecordedPredictions, Source
from inference.bundle import (
    BundleInfo,
    Calibration,
    DataFacts,
    Input,
    LabelInfo,
    Metrics,
    OperatingPoint,
    WeightFacts,
)
from tuning import metrics
from tuning.backbones.class_activations import has_activations, output_name
from tuning.runs.schema import LabelFacts, WinnerFacts

_PACKAGES = (
    "face-classifier-tuner", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy", "pillow",
)  # fmt: skip


def describe(
    source: Source, facts: WinnerFacts, val: RecordedPredictions, test: RecordedPredictions
) -> BundleInfo:
    """Make the facts of a bundle from those of a winner.

    Args:
        source: Run of the winner.
        facts: Facts of the winner.
        val: Its predictions for validation images, by which the operating points are chosen.
        test: Its predictions for test images, on which they are measured.

    Returns:
        All facts but those that come from the exported files.
    """
    config = source.config
    labels = _labels(source, facts, val, test)
    return BundleInfo(
        backbone=facts.backbone,
        labels=labels,
        input=Input(size=facts.size, framing=config.images.framing),
        synthetic=config.data.synthetic,
        hyperparameters=facts.hyperparameters.model_dump(),
        data=DataFacts(
            name=config.data.name,
            fingerprint=config.data.fingerprint,
            counts={split: part.count for split, part in config.images.splits.items()},
        ),
        weights=WeightFacts(**facts.weights.model_dump()),
        versions={**config.versions, **{name: version(name) for name in _PACKAGES}},
        created=facts.created,
        run=source.run.name,
        metrics=_means([label.metrics for label in labels]),
    )


def _labels(
    source: Source, facts: WinnerFacts, val: RecordedPredictions, test: RecordedPredictions
) -> tuple[LabelInfo, ...]:
    people = source.people(val.rows)
    fair = metrics.cross_fitted(source.labels, val.codes, val.p, people)
    val_p, test_p = ([p for _, p in parts(source.labels, split)] for split in (fair, test.p))
    labels, explains = [], has_activations(facts.hyperparameters)
    for at, of_label in enumerate(facts.labels):
        point = metrics.operating_point(val.codes[:, at], val_p[at], people, source.target_accuracy)
        info = LabelInfo(
            name=of_label.label.name,
            classes=of_label.label.classes,
            output=of_label.label.output,
            class_activations=output_name(of_label.label) if explains else None,
            calibration=Calibration(**of_label.calibration.model_dump()),
            operating_point=OperatingPoint(**point.model_dump()),
        )
        measured = _metrics(of_label, info, test.codes[:, at], test_p[at])
        labels.append(info.model_copy(update={"metrics": measured}))
    return tuple(labels)


def _metrics(facts: LabelFacts, info: LabelInfo, codes: np.ndarray, p: np.ndarray) -> Metrics:
    known = codes != MISSING
    given = np.array([info.decide(row) for row in p[known]])
    decided = given != UNCERTAIN
    correct = given[decided] == np.array(info.classes)[codes[known][decided]]
    figures = {
        "test_accuracy": facts.test.accuracy,
        "test_accuracy_interval": facts.test.accuracy_interval,
        "balanced_accuracy": facts.test.balanced_accuracy,
        "macro_f1": facts.test.macro_f1,
        "auc": facts.test.auc,
        "calibration_error": facts.test.calibration_error,
        "uncalibrated_error": facts.test.uncalibrated.calibration_error,
        "val_accuracy": facts.val.accuracy,
        "val_brier": facts.val.brier,
        "test_share_uncertain": 1 - float(decided.mean()),
        "test_decided_accuracy": float(correct.mean()) if decided.any() else None,
    }
    return Metrics.model_validate(figures)


def _means(of_labels: Sequence[Metrics]) -> Metrics:
    """The figures of one label, or the means of several, of which no interval is known."""
    if len(of_labels) == 1:
        return of_labels[0]
    dumped = [measured.model_dump(exclude={"test_accuracy_interval"}) for measured in of_labels]
    means = {}
    for name in dumped[0]:
        known = [figures[name] for figures in dumped if figures[name] is not None]
        means[name] = mean(known) if known else None
    return Metrics.model_validate(means)
