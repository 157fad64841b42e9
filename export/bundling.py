"""One winner of a run to one bundle: converted, checked, quantised, timed, audited, described."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pandas as pd

from data import ImageStore
from export import audit, card, check_images, convert, forms, int8_gate, parity, quantize, speed
from export.champion import Candidate
from export.forms import Predict
from export.progress import Advance, Steps
from inference import bundle
from inference.bundle import (
    Band,
    BundleInfo,
    CheckImages,
    DataFacts,
    FormatName,
    Input,
    Metrics,
    ModelFile,
    Precision,
    QuantizationTrial,
    Speed,
    WeightFacts,
)
from tuning.metrics import brier, decisions, uncertainty_band
from tuning.runs.run_folder import RunError, RunFolder
from tuning.runs.schema import RunConfig, WinnerFacts

_PACKAGES = (
    "face-classifier-tuner", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy", "pillow",
)  # fmt: skip
_SAMPLE = 64  # images by which the run's record of Keras's answers is checked
_TITLES = {"keras": "Keras", "saved_model": "SavedModel", "fp32": "ONNX", "int8": "INT8"}
_SPLITS = {"val": "validation", "test": "test"}
_FILES: dict[FormatName, str] = {
    "fp32": "model.onnx",
    "int8": "model.int8.onnx",
    "saved_model": "saved_model",
}


@dataclass(frozen=True)
class Source:
    """What the exports of one run share.

    Attributes:
        run: the run.
        config: its `config.json`.
        store: its images.
        target_accuracy: wanted of the decisions given, None for the run's own.
    """

    run: RunFolder
    config: RunConfig
    store: ImageStore
    target_accuracy: float | None

    def rows(self, split: str) -> np.ndarray:
        """Rows of a split in the store, int [n]."""
        return np.flatnonzero(self.store.manifest["split"] == split)

    def labels(self, split: str) -> np.ndarray:
        """0 or 1, [n]."""
        return self.store.manifest["label"].to_numpy()[self.rows(split)]

    def answers(self, predict: Predict, split: str, advance: Advance) -> np.ndarray:
        """p_man of a split, float [n]; `advance` is called with the images done."""
        return forms.in_batches(predict, self.store.images, self.rows(split), advance)

    def calibration_rows(self) -> np.ndarray:
        """Training images to quantise by, int [n]; the same ones each time."""
        random = np.random.default_rng(self.config.settings.seed)
        return np.sort(random.permutation(self.rows("train"))[: quantize.CALIBRATION_IMAGES])


@dataclass(frozen=True)
class Exported:
    """A bundle that was written, and how it stands in the choice of a champion."""

    candidate: Candidate
    info: BundleInfo


def export(source: Source, facts: WinnerFacts, folder: Path, steps: Steps) -> Exported:
    """Write the bundle of a winner.

    Args:
        source: of the run.
        facts: the winner's.
        folder: of the bundle, replaced when all is done.
        steps: shows what is being done.

    Raises:
        ParityError: an exported model does not answer as Keras does.
        RunError: the run's folder lacks a file.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return _Export(source, facts, Path(scratch), steps).write(folder)


class _Export:
    """The export of one winner.

    Args:
        source: of the run.
        facts: the winner's.
        scratch: folder for what is made.
        steps: shows what is being done.
    """

    def __init__(self, source: Source, facts: WinnerFacts, scratch: Path, steps: Steps) -> None:
        self.source = source
        self.facts = facts
        self.scratch = scratch
        self.steps = steps
        self.recorded = _predictions(source.run, facts.backbone)
        self.info = _info(source, facts, self.recorded)
        self.paths = {form: scratch / file for form, file in _FILES.items()}
        self.forms: dict[str, Predict] = {}
        self.test: dict[str, np.ndarray] = {}
        self.val: dict[str, np.ndarray] = {}

    def write(self, folder: Path) -> Exported:
        """Do all steps and put the bundle in its place."""
        self._convert()
        self._check()
        attempts = self._quantise()
        timed = self._time()
        info = self.info.model_copy(update={"formats": self._formats(timed)})
        served = bundle.Bundle(folder, info).choose()
        groups = self._audit(served)
        info = info.model_copy(
            update={
                "quantization": attempts,
                "speed": timed,
                "audit": audit.largest_gaps(groups),
                "checks": self._checks(),
            }
        )
        card_file, audit_file = self.scratch / bundle.CARD_FILE, self.scratch / audit.AUDIT_FILE
        groups.to_csv(audit_file, index=False)
        text = card.render(info, self.facts, self.source.config, groups, served)
        card_file.write_text(text, "utf-8")
        files = [card_file, audit_file, self.scratch / check_images.FILE]
        files += [self.paths[form] for form in info.formats]
        bundle.write(folder, info, {path.name: path for path in files})
        return Exported(self._candidate(info, served), info)

    def _convert(self) -> None:
        winner = self.source.run.winner(self.info.backbone)
        if not winner.is_file():
            raise RunError(f"{winner} is missing: run `make tune` again with the same RUN")
        with self.steps.step("converting to ONNX and SavedModel"):
            classifier = keras.models.load_model(winner)
            convert.to_onnx(classifier, bundle.to_metadata(self.info), self.paths["fp32"])
            convert.to_saved_model(classifier, self.paths["saved_model"])
        self.forms = {
            "keras": lambda batch: classifier.predict(batch, verbose=0),
            "saved_model": forms.saved_model_predict(self.paths["saved_model"]),
            "fp32": forms.onnx_predict(self.paths["fp32"]),
        }

    def _check(self) -> None:
        self.test["keras"] = self._as_recorded("keras", "test")
        for form in ("saved_model", "fp32"):
            self.test[form] = self._answers(form, "test")
            name = f"{self.info.backbone} as {form}"
            parity.compare(self.test["keras"], self.test[form], name)
        self.val["fp32"] = self._as_recorded("fp32", "val")

    def _as_recorded(self, form: str, split: str) -> np.ndarray:
        """p_man of a split, float [n]: as the run has it of Keras, if a sample of the form agrees.

        Else all images go through the form.
        """
        rows, recorded = self.source.rows(split), self.recorded[split]
        if np.array_equal(recorded["row"], rows):
            p_man = recorded["p_man"].to_numpy()
            sample = np.linspace(0, len(rows) - 1, min(_SAMPLE, len(rows))).astype(int)
            what = f"{len(sample)} {_SPLITS[split]} images through {_TITLES[form]}"
            with self.steps.step(f"{what}, to see that the run's record holds"):
                images = self.source.store.images
                again = forms.in_batches(self.forms[form], images, rows[sample])
            if np.abs(again - p_man[sample]).max() < parity.TOLERANCE:
                return p_man
        return self._answers(form, split)

    def _answers(self, form: str, split: str) -> np.ndarray:
        rows = len(self.source.rows(split))
        with self.steps.step(f"{rows} {_SPLITS[split]} images through {_TITLES[form]}", rows) as up:
            return self.source.answers(self.forms[form], split, up)

    def _quantise(self) -> tuple[QuantizationTrial, ...]:
        """Try recipe after recipe until one passes; INT8 is among the forms only then."""
        attempts: list[QuantizationTrial] = []
        with self.steps.step("preparing for INT8"):
            quantizer = quantize.Quantizer(
                self.paths["fp32"],
                self.source.store.images,
                self.source.calibration_rows(),
                self.scratch,
            )
        for recipe in quantize.RECIPES:
            attempts.append(self._try(recipe, quantizer))
            self.steps.say(_outcome(attempts[-1]))
            if attempts[-1].passed:
                self.test["int8"] = self._answers("int8", "test")
                break
        else:
            self.steps.say("no INT8 recipe passed, fp32 is served", "yellow")
        return tuple(attempts)

    def _try(self, recipe: quantize.Recipe, quantizer: quantize.Quantizer) -> QuantizationTrial:
        """Judge a recipe by the validation images; a model that passes is one of the forms."""
        with self.steps.step(f"INT8 by {recipe}"):
            quantizer.quantize(recipe, self.paths["int8"])
        predict = forms.onnx_predict(self.paths["int8"])
        rows, labels, fp32_p = self.source.rows("val"), self.source.labels("val"), self.val["fp32"]
        with self.steps.step(f"{len(rows)} validation images through it", len(rows)) as up:
            images = self.source.store.images
            answers = int8_gate.until_refuted(predict, images, rows, fp32_p, up)
        attempt = int8_gate.attempt(str(recipe), labels, fp32_p, answers)
        if attempt.passed:
            self.forms["int8"], self.val["int8"] = predict, answers
        return attempt

    def _time(self) -> Speed:
        paths: dict[str, Path] = {"keras": self.source.run.winner(self.info.backbone)}
        paths |= {str(form): path for form, path in self.paths.items()}
        images = self.source.store.images[self.source.rows("test")[: speed.BATCH]]
        with self.steps.step("measuring speed"):
            return speed.measure(self.forms, paths, images)

    def _checks(self) -> CheckImages:
        """Write the check images, and what the exported forms give for them."""
        path = self.scratch / check_images.FILE
        with self.steps.step("drawing check images"):
            drawn = check_images.draw(self.info.input.size, self.info.input.framing)
            everything = np.arange(len(drawn))
            p_man = forms.in_batches(self.forms["fp32"], drawn, everything)
            chosen = check_images.most_telling(drawn, p_man)
            check_images.save(chosen, path)
        expected = {
            form: self.forms[form](chosen)[:, 0].tolist()
            for form in get_args(Precision)
            if form in self.forms
        }
        return CheckImages(file=path.name, sha256=bundle.digest(path), expected=expected)

    def _audit(self, served: Precision) -> pd.DataFrame:
        store, rows = self.source.store, self.source.rows("test")
        answers = self.test[served] >= self.info.threshold
        with self.steps.step("auditing"):
            return audit.audit(store.manifest, store.images, rows, answers)

    def _formats(self, timed: Speed) -> dict[FormatName, ModelFile]:
        labels = self.source.labels("test")
        return {
            form: ModelFile.of(
                self.paths[form],
                accuracy=float((decisions(self.test[form]) == labels).mean()),
                latency_ms=timed.timings[form].latency_ms,
                throughput=timed.timings[form].throughput,
            )
            for form in _FILES
            if form in self.forms
        }

    def _candidate(self, info: BundleInfo, served: Precision) -> Candidate:
        labels, answers = self.source.labels("val"), self.val[served]
        return Candidate(
            backbone=info.backbone,
            precision=served,
            val_brier=brier(labels, answers),
            val_accuracy=float((decisions(answers) == labels).mean()),
            latency_ms=info.formats[served].latency_ms or 0.0,
            size_mb=info.formats[served].bytes / 1e6,
        )


def _outcome(attempt: QuantizationTrial) -> str:
    return (
        f"INT8 by {attempt.settings} {'passed' if attempt.passed else 'failed'}: "
        f"{100 * attempt.accuracy_lost:+.2f} points of accuracy lost, "
        f"{attempt.changed_decisions:.2%} of {attempt.images} decisions changed"
    )


def _info(source: Source, facts: WinnerFacts, predictions: dict[str, pd.DataFrame]) -> BundleInfo:
    config, test = source.config, facts.test
    band = _band(predictions["val"], source.target_accuracy or facts.band.target_accuracy)
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
        metrics=Metrics.model_validate(
            {
                "test_accuracy": test.accuracy,
                "test_accuracy_interval": test.accuracy_interval,
                "balanced_accuracy": test.balanced_accuracy,
                "auc": test.auc,
                "calibration_error": test.calibration_error,
                "uncalibrated_error": test.uncalibrated.calibration_error,
                "val_accuracy": facts.val.accuracy,
                "val_brier": facts.val.brier,
                **_decided(predictions["test"], band),
            }
        ),
    )


def _predictions(run: RunFolder, backbone: str) -> dict[str, pd.DataFrame]:
    try:
        table = pd.read_csv(run.predictions(backbone))
    except (OSError, ValueError):
        raise RunError(
            f"{run.predictions(backbone)} can't be read: run `make tune` again with the same RUN"
        ) from None
    return {split: table[table["split"] == split] for split in ("val", "test")}


def _band(val: pd.DataFrame, target: float) -> Band:
    band = uncertainty_band(val["label"].to_numpy(), val["p_man"].to_numpy(), target)
    return Band(**band.model_dump())


def _decided(test: pd.DataFrame, band: Band) -> dict[str, float | None]:
    """What the band does on test images."""
    decided = test[(test["p_man"] <= band.low) | (test["p_man"] >= band.high)]
    correct = decisions(decided["p_man"].to_numpy()) == (decided["label"] == 1)
    return {
        "test_share_uncertain": 1 - len(decided) / len(test),
        "test_decided_accuracy": float(correct.mean()) if len(decided) else None,
    }
