"""Serve exported face classifiers on onnxruntime, without TensorFlow.

>>> from inference import Classifier
>>> [face] = Classifier.load("artifacts/models").predict("portrait.jpg")  # doctest: +SKIP
>>> face.label, face.p_man  # doctest: +SKIP
('woman', 0.03)
"""

import os
from typing import TYPE_CHECKING, Any

# Faces are nobody else's business. From 1.29 on, onnxruntime reports its use to Microsoft unless
# this is set before it is imported (microsoft/onnxruntime#27379).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from inference.bundle import BundleError
    from inference.classifier import Classifier, Face
    from inference.detection.finder import FaceFinder, whole_image

_HOMES = {
    "BundleError": "inference.bundle",
    "Classifier": "inference.classifier",
    "Face": "inference.classifier",
    "FaceFinder": "inference.detection.finder",
    "whole_image": "inference.detection.finder",
}
__all__ = ["BundleError", "Classifier", "Face", "FaceFinder", "whole_image"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `--help` needs no onnxruntime."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
