"""What `bundle.json` says before anything is exported: a winner's facts, from its run."""

from __future__ import annotations

from importlib.metadata import version

from export.source import RecordedPredictions, Source
from inference.bundle import Band, BundleInfo, DataFacts, Input, Metrics, WeightFacts
from tuning.metrics import decisions, uncertainty_band
from tuning.runs.schema import WinnerFacts

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
        val: Its predictions for validation images, by which the uncertainty band is chosen.
        test: Its predictions for test images, on which the band is measured.

    Returns:
        All facts but those that come from the exported files.
    """
    config = source.config
    band = _band(val, source.target_accuracy or facts.band.target_accuracy)
    return BundleInfo(
        backbone=facts.backbone,
        input=Input(size=facts.size, framing=config.images.framing),
        temperature=facts.temperature,
        band=band,
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
        metrics=_metrics(facts, test, band),
    )


def _band(val: RecordedPredictions, target_accuracy: float) -> Band:
    band = uncertainty_band(val.labels, val.p_man, target_accuracy)
    return Band(**band.model_dump())


def _metrics(facts: WinnerFacts, test: RecordedPredictions, band: Band) -> Metrics:
    decided = (test.p_man <= band.low) | (test.p_man >= band.high)
    correct = decisions(test.p_man[decided]) == test.labels[decided]
    figures = {
        "test_accuracy": facts.test.accuracy,
        "test_accuracy_interval": facts.test.accuracy_interval,
        "balanced_accuracy": facts.test.balanced_accuracy,
        "auc": facts.test.auc,
        "calibration_error": facts.test.calibration_error,
        "uncalibrated_error": facts.test.uncalibrated.calibration_error,
        "val_accuracy": facts.val.accuracy,
        "val_brier": facts.val.brier,
        "test_share_uncertain": 1 - float(decided.mean()),
        "test_decided_accuracy": float(correct.mean()) if decided.any() else None,
    }
    return Metrics.model_validate(figures)
