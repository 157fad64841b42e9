"""One winner of a run to one bundle: converted, checked, quantized, timed, audited, described."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pandas as pd

from export import (
    audit,
    bundle_info,
    card,
    check_images,
    convert,
    int8,
    parity,
    quantize,
    speed,
)
from export.by_label import decisions_by_label
from export.champion import Candidate
from export.forms import FILES, Form, FormName
from export.predictions import predict, recorded_or_predicted
from export.progress import Steps
from export.source import RecordedPredictions, Source, SplitName
from inference import bundle
from inference.bundle import (
    BundleInfo,
    ModelFile,
    Precision,
    QuantizationTrial,
    Speed,
)
from tuning.backbones.class_activations import with_activations
from tuning.metrics import mean_scores
from tuning.runs.schema import WinnerFacts


@dataclass(frozen=True)
class Exported:
    """A bundle that was written.

    Attributes:
        candidate: How it stands in the choice of a champion.
        info: Facts of the bundle, as its `bundle.json` has them.
    """

    candidate: Candidate
    info: BundleInfo


def export_winner(source: Source, facts: WinnerFacts, folder: Path, steps: Steps) -> Exported:
    """Write the bundle of a winner.

    Args:
        source: Run of the winner.
        facts: Facts of the winner.
        folder: Folder of the bundle, replaced when all is done.
        steps: Shows what is being done.

    Raises:
        ParityError: An exported model does not predict what the Keras model does.
        RunError: The run's folder lacks a file.
    """
    recorded = source.recorded(facts.backbone)
    info = bundle_info.describe(source, facts, recorded["val"], recorded["test"])
    _say_what_stays_uncertain(info, steps)
    with tempfile.TemporaryDirectory() as scratch:
        export = _Export(source, facts, Path(scratch), steps)
        models = export.check(export.convert(info), recorded)
        trials, passed = export.quantize(models["fp32"])
        models = {**models, "int8": passed} if passed else models
        info = export.measure(info.model_copy(update={"quantization": trials}), models)
        served = bundle.Bundle(folder, info).choose()
        info, documents = export.document(info, models, served)
        files = [*documents, *(models[name].form.path for name in info.formats)]
        bundle.write(folder, info, {path.name: path for path in files})
    return Exported(export.candidate(info, models, served), info)


def _say_what_stays_uncertain(info: BundleInfo, steps: Steps) -> None:
    for label in info.labels:
        point = label.operating_point
        if point and point.share_uncertain == 1:
            steps.say(
                f"{label.name!r} is always 'uncertain': the validation images do not show an "
                f"accuracy of {point.target_accuracy:.2%}, not even of the surest half of the "
                "decisions; give a lower TARGET_ACCURACY, or more images",
                "yellow",
            )


@dataclass(frozen=True)
class _Checked:
    """A form that passed its check, with its predictions.

    Attributes:
        form: Form of the model.
        test_p: Class probabilities of the test images, float [n, K].
        val_p: Class probabilities of the validation images, float [n, K]; empty where nobody asks
            for them.
    """

    form: Form
    test_p: np.ndarray
    val_p: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))


_Models = Mapping[FormName, _Checked]


@dataclass(frozen=True)
class _Export:
    """The steps of one winner's export; each returns what it made.

    Attributes:
        source: Run of the winner.
        facts: Facts of the winner.
        scratch: Folder for the files of the bundle until all are there.
        steps: Shows what is being done.
    """

    source: Source
    facts: WinnerFacts
    scratch: Path
    steps: Steps

    def convert(self, info: BundleInfo) -> dict[FormName, Form]:
        """Convert the Keras model; return it and what was made of it."""
        winner, labels = self.source.winner(self.facts.backbone), self.source.labels
        onnx, saved_model = self.scratch / FILES["fp32"], self.scratch / FILES["saved_model"]
        with self.steps.step("converting to ONNX and SavedModel"):
            classifier = keras.models.load_model(winner)
            self._to_onnx(classifier, info, onnx)
            convert.to_saved_model(classifier, labels, saved_model)
        return {
            "keras": Form.of_keras(winner, classifier, labels),
            "saved_model": Form.open("saved_model", saved_model, labels),
            "fp32": Form.open("fp32", onnx, labels),
        }

    def _to_onnx(self, classifier: keras.Model, info: BundleInfo, path: Path) -> None:
        """Write the ONNX file, with class activations where the head has no hidden layer."""
        labels = self.source.labels
        activations = [label.class_activations for label in info.labels if label.class_activations]
        if activations:
            temperatures = [label.temperature for label in info.labels]
            classifier = with_activations(classifier, labels, temperatures)
        convert.to_onnx(classifier, labels, bundle.to_metadata(info), path, activations)

    def check(
        self,
        forms: Mapping[FormName, Form],
        recorded: Mapping[SplitName, RecordedPredictions],
    ) -> _Models:
        """Compare what was converted with Keras on all test images. Raises ParityError."""
        test, val = self.source.split("test"), self.source.split("val")
        keras_p = recorded_or_predicted(forms["keras"], test, recorded["test"], self.steps)
        predicted = {}
        for name in ("saved_model", "fp32"):
            predicted[name] = predict(forms[name], test, self.steps)
            title = f"{self.facts.backbone} as {name}"
            parity.compare(self.source.labels, keras_p, predicted[name], title)
        val_p = recorded_or_predicted(forms["fp32"], val, recorded["val"], self.steps)
        return {
            "keras": _Checked(forms["keras"], keras_p),
            "saved_model": _Checked(forms["saved_model"], predicted["saved_model"]),
            "fp32": _Checked(forms["fp32"], predicted["fp32"], val_p),
        }

    def quantize(self, fp32: _Checked) -> tuple[tuple[QuantizationTrial, ...], _Checked | None]:
        """Try to make an INT8 model; return the verdicts, and the model if one passed."""
        with self.steps.step("preparing for INT8"):
            quantizer = quantize.Quantizer(
                fp32.form.path, self.source.store.images, self._calibration_rows(), self.scratch
            )
        search = int8.quantize_model(
            quantizer,
            self.source.labels,
            self.source.split("val"),
            fp32.val_p,
            self.scratch,
            self.steps,
        )
        if not search.form:
            return search.trials, None
        test_p = predict(search.form, self.source.split("test"), self.steps)
        return search.trials, _Checked(search.form, test_p, search.val_p)

    def _calibration_rows(self) -> np.ndarray:
        """Training images to quantize by, int [n]; the same ones each time."""
        random = np.random.default_rng(self.source.config.settings.seed)
        rows = random.permutation(self.source.split("train").rows)
        return np.sort(rows[: quantize.CALIBRATION_IMAGES])

    def measure(self, info: BundleInfo, models: _Models) -> BundleInfo:
        """Time all forms; return the facts with speed, accuracy and size of each."""
        test = self.source.split("test")
        with self.steps.step("measuring speed"):
            forms = [model.form for model in models.values()]
            timed = speed.measure(
                forms, self.source.labels, test.images[test.rows[: speed.BATCH_SIZE]]
            )
        formats = {name: self._model_file(models[name], timed) for name in FILES if name in models}
        return info.model_copy(update={"speed": timed, "formats": formats})

    def _model_file(self, model: _Checked, timed: Speed) -> ModelFile:
        timing, codes = timed.timings[model.form.name], self.source.split("test").codes
        return ModelFile.of(
            model.form.path,
            accuracy=mean_scores(self.source.labels, codes, model.test_p).accuracy,
            latency_ms=timing.latency_ms,
            throughput=timing.throughput,
        )

    def document(
        self, info: BundleInfo, models: _Models, served: Precision
    ) -> tuple[BundleInfo, list[Path]]:
        """Audit the model and write card, audit and check images; return all facts and files."""
        groups = self._audit(models[served].test_p)
        with self.steps.step("drawing check images"):
            forms = {name: models[name].form for name in get_args(Precision) if name in models}
            checks = check_images.write(
                self.scratch / check_images.FILE, self.source.labels, info.input, forms
            )
        gaps = audit.largest_gaps(groups)
        info = info.model_copy(update={"audit": gaps, "checks": checks})
        text = card.render(info, self.facts, self.source.config, groups, served)
        (self.scratch / bundle.CARD_FILE).write_text(text, "utf-8")
        audit.write(groups, self.scratch / audit.FILE)
        names = (bundle.CARD_FILE, audit.FILE, check_images.FILE)
        return info, [self.scratch / name for name in names]

    def _audit(self, test_p: np.ndarray) -> pd.DataFrame:
        store, labels, test = self.source.store, self.source.labels, self.source.split("test")
        decided = decisions_by_label(labels, test_p)
        with self.steps.step("auditing"):
            return audit.audit(labels, store.manifest, store.images, test.rows, decided)

    def candidate(self, info: BundleInfo, models: _Models, served: Precision) -> Candidate:
        """Return how the model that is served stands in the choice of a champion."""
        codes = self.source.split("val").codes
        scores = mean_scores(self.source.labels, codes, models[served].val_p)
        return Candidate(
            backbone=info.backbone,
            precision=served,
            val_brier=scores.brier,
            val_accuracy=scores.accuracy,
            latency_ms=info.formats[served].latency_ms or 0.0,
            size_mb=info.formats[served].bytes / 1e6,
        )
