"""The INT8 form run by OpenVINO, which rounds it otherwise: through the gate once more."""

from __future__ import annotations

from functools import partial

import numpy as np

from export import int8_gate
from export.forms import Form
from export.progress import Steps
from export.source import Split
from inference.bundle import BundleInfo
from inference.errors import BundleError
from inference.runtime.providers import chosen
from inference.runtime.session import classify, open_with


def expected(
    form: Form, info: BundleInfo, val: Split, fp32_p: np.ndarray, images: np.ndarray, steps: Steps
) -> list[list[float]]:
    """Return what OpenVINO gives for the check images, if it decides as fp32 does.

    Args:
        form: INT8 form of the model.
        info: Facts of the model.
        val: Validation images of the run, with their codes.
        fp32_p: Class probabilities of the fp32 model on them, float [n, K].
        images: Check images, uint8 RGB [N, s, s, 3].
        steps: Shows what is being done.

    Returns:
        Class probabilities of each check image; nothing if OpenVINO is not installed, is none of
        PROVIDERS, or does not pass the gate: then it does not serve this form.
    """
    if "openvino" not in chosen(None):
        return []
    labels = info.classes
    try:
        with steps.step("compiling INT8 by OpenVINO"):
            session = open_with("openvino", form.path.read_bytes())
        predict = partial(classify, session, info)
        with steps.counted(f"{len(val.rows)} validation images through it") as on_progress:
            val_p = int8_gate.predict_until_refuted(
                predict, val.images, val.rows, labels, fp32_p, on_progress
            )
        trial = int8_gate.judge("OpenVINO", labels, val.codes, fp32_p, val_p)
        steps.say(
            f"INT8 by OpenVINO {'passed' if trial.passed else 'failed, it is not served'}: "
            f"{100 * trial.accuracy_lost:+.2f} points of accuracy lost, "
            f"{trial.changed_decisions:.2%} of {trial.images} decisions changed"
        )
        return predict(images).clip(0, 1).tolist() if trial.passed else []
    except BundleError as error:
        steps.say(f"INT8 is not served by OpenVINO: {error}", "yellow")
        return []
