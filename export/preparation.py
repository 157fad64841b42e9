"""What of a winner's export any machine can do: convert it, compare it with Keras, quantize it.

Speed is not measured here: that is done alone, on one machine, for all winners.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import keras
import numpy as np

from export import convert, int8, parity, quantize
from export.forms import FILES, Form, FormName
from export.predictions import exact_where_apart, predict, recorded_or_predicted
from export.progress import Steps
from export.source import RecordedPredictions, Source, SplitName
from inference import bundle
from inference.bundle import BundleInfo, QuantizationTrial
from tuning.backbones.class_activations import with_activations
from tuning.runs.schema import Hyperparameters

Recorded = Mapping[SplitName, RecordedPredictions]
"""What the Keras model predicted for "val" and "test" when the run ended."""


@dataclass(frozen=True)
class Checked:
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


@dataclass(frozen=True)
class Prepared:
    """All forms of a winner.

    Attributes:
        models: The forms that passed, by name: Keras, SavedModel, fp32, and int8 if a recipe did.
        trials: Verdict on each INT8 recipe that was tried.
    """

    models: Mapping[FormName, Checked]
    trials: tuple[QuantizationTrial, ...]


class Prepare(Protocol):
    """Whoever prepares a winner: `prepare` here, or a worker that has done it before."""

    def __call__(
        self,
        source: Source,
        info: BundleInfo,
        recorded: Recorded,
        scratch: Path,
        steps: Steps,
    ) -> Prepared:
        """Return the forms of a winner, see `prepare`."""
        ...


def prepare(
    source: Source, info: BundleInfo, recorded: Recorded, scratch: Path, steps: Steps
) -> Prepared:
    """Make the forms of a winner and predict validation and test images with them.

    Args:
        source: Run of the winner.
        info: Facts of the winner, which are put into the ONNX files.
        recorded: What the run recorded of its predictions.
        scratch: Folder for the files.
        steps: Shows what is being done.

    Raises:
        ParityError: An exported model does not predict what the Keras model does.
        RunError: The run's folder lacks the model.
    """
    preparation = _Preparation(source, info, scratch, steps)
    models = preparation.check(preparation.convert(), recorded)
    trials, passed = preparation.quantize(models["fp32"])
    return Prepared({**models, "int8": passed} if passed else models, trials)


@dataclass(frozen=True)
class _Preparation:
    source: Source
    info: BundleInfo
    scratch: Path
    steps: Steps

    def convert(self) -> dict[FormName, Form]:
        """Convert the Keras model; return it and what was made of it."""
        winner, labels = self.source.winner(self.info.backbone), self.source.labels
        onnx, saved_model = self.scratch / FILES["fp32"], self.scratch / FILES["saved_model"]
        with self.steps.step("converting to ONNX and SavedModel"):
            classifier = keras.models.load_model(winner)
            self._to_onnx(classifier, onnx)
            convert.to_saved_model(classifier, labels, saved_model)
        return {
            "keras": Form.of_keras(winner, classifier, labels),
            "saved_model": Form.open("saved_model", saved_model, labels),
            "fp32": Form.open("fp32", onnx, labels),
        }

    def _to_onnx(self, classifier: keras.Model, path: Path) -> None:
        """Write the ONNX file, with class activations where the model has them."""
        info, labels = self.info, self.source.labels
        activations = [label.class_activations for label in info.labels if label.class_activations]
        if activations:
            slopes = [label.slope for label in info.labels]
            grid = Hyperparameters.of(info.hyperparameters).grid
            classifier = with_activations(classifier, labels, slopes, grid)
        convert.to_onnx(classifier, labels, bundle.to_metadata(info), path, activations)

    def check(self, forms: Mapping[FormName, Form], recorded: Recorded) -> dict[FormName, Checked]:
        """Compare what was converted with Keras on all test images. Raises ParityError."""
        test, val = self.source.split("test"), self.source.split("val")
        keras_p = recorded_or_predicted(forms["keras"], test, recorded["test"], self.steps)
        names: tuple[FormName, ...] = ("saved_model", "fp32")
        predicted = {name: predict(forms[name], test, self.steps) for name in names}
        others = [*predicted.values()]
        keras_p = exact_where_apart(forms["keras"], test, keras_p, others, self.steps)
        for name, p in predicted.items():
            parity.compare(self.source.labels, keras_p, p, f"{self.info.backbone} as {name}")
        val_p = recorded_or_predicted(forms["fp32"], val, recorded["val"], self.steps)
        return {
            "keras": Checked(forms["keras"], keras_p),
            "saved_model": Checked(forms["saved_model"], predicted["saved_model"]),
            "fp32": Checked(forms["fp32"], predicted["fp32"], val_p),
        }

    def quantize(self, fp32: Checked) -> tuple[tuple[QuantizationTrial, ...], Checked | None]:
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
        return search.trials, Checked(search.form, test_p, search.val_p)

    def _calibration_rows(self) -> np.ndarray:
        """Training images to quantize by, int [n]; the same ones each time."""
        random = np.random.default_rng(self.source.config.settings.seed)
        rows = random.permutation(self.source.split("train").rows)
        return np.sort(rows[: quantize.CALIBRATION_IMAGES])
