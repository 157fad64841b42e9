"""The INT8 form of a model: recipe after recipe, until one passes the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data import Label
from export import int8_gate
from export.forms import FILES, Form
from export.progress import Steps
from export.quantize import RECIPES, Quantizer, Recipe
from export.source import Split
from inference.bundle import QuantizationTrial


@dataclass(frozen=True)
class Int8Result:
    """What the search for an INT8 model came to.

    Attributes:
        trials: Verdict on each recipe that was tried, in order.
        form: The model that passed; None if no recipe passed.
        val_p: Class probabilities of that model on the validation images, float [n, K]; empty if
            there is none.
    """

    trials: tuple[QuantizationTrial, ...]
    form: Form | None
    val_p: np.ndarray


def quantize_model(
    quantizer: Quantizer,
    labels: Sequence[Label],
    val: Split,
    fp32_p: np.ndarray,
    folder: Path,
    steps: Steps,
    recipes: Sequence[Recipe] = RECIPES,
) -> Int8Result:
    """Quantize a model by the first recipe that passes on the validation images.

    Args:
        quantizer: Quantizer of the fp32 model.
        labels: The labels of the model.
        val: Validation images of the run, with their codes.
        fp32_p: Class probabilities of the fp32 model on them, float [n, K].
        folder: Folder in which the INT8 model is written.
        steps: Shows what is being done.
        recipes: Recipes in the order in which they are tried.

    Returns:
        The verdicts, and the model that passed, if one did.
    """
    trials = []
    path = folder / FILES["int8"]
    for recipe in recipes:
        with steps.step(f"INT8 by {recipe}"):
            quantizer.quantize(recipe, path)
        form = Form.open("int8", path, labels)
        with steps.counted(f"{len(val.rows)} validation images through it") as on_progress:
            val_p = int8_gate.predict_until_refuted(
                form.predict, val.images, val.rows, labels, fp32_p, on_progress
            )
        trials.append(int8_gate.judge(str(recipe), labels, val.codes, fp32_p, val_p))
        steps.say(_verdict(trials[-1]))
        if trials[-1].passed:
            return Int8Result(tuple(trials), form, val_p)
    steps.say("no INT8 recipe passed, fp32 is served", "yellow")
    return Int8Result(tuple(trials), None, np.empty((0, fp32_p.shape[1])))


def _verdict(trial: QuantizationTrial) -> str:
    return (
        f"INT8 by {trial.settings} {'passed' if trial.passed else 'failed'}: "
        f"{100 * trial.accuracy_lost:+.2f} points of accuracy lost, "
        f"{trial.changed_decisions:.2%} of {trial.images} decisions changed"
    )
