"""Serve exported face classifiers on onnxruntime, without TensorFlow.

>>> from inference import Classifier
>>> [face] = Classifier.load("artifacts/models").predict("portrait.jpg")  # doctest: +SKIP
>>> face.label, face.p_man  # doctest: +SKIP
('woman', 0.03)
>>> face["gender"].probability, face["gender"]["man"]  # of a label, by name  # doctest: +SKIP
(0.97, 0.03)
"""

import os
from typing import TYPE_CHECKING, Any

# Faces are nobody else's business. From 1.29 on, onnxruntime reports its use to Microsoft unless
# this is set before it is imported (microsoft/onnxruntime#27379).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# huggingface_hub tells hubs what is installed here unless this is set before it is imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from data import ImageError
    from inference.classifier import Classifier
    from inference.detection.finder import FaceFinder, whole_image
    from inference.errors import BundleError, DetectorError, HubError, ServingError
    from inference.explanation.explainer import Explanation
    from inference.explanation.heat_map import HeatMap
    from inference.faces import Box, Face, Prediction

_HOMES = {
    "Box": "inference.faces",
    "BundleError": "inference.errors",
    "Classifier": "inference.classifier",
    "DetectorError": "inference.errors",
    "Explanation": "inference.explanation.explainer",
    "Face": "inference.faces",
    "FaceFinder": "inference.detection.finder",
    "HeatMap": "inference.explanation.heat_map",
    "HubError": "inference.errors",
    "ImageError": "data",
    "Prediction": "inference.faces",
    "ServingError": "inference.errors",
    "whole_image": "inference.detection.finder",
}
__all__ = [
    "Box", "BundleError", "Classifier", "DetectorError", "Explanation", "Face", "FaceFinder",
    "HeatMap", "HubError", "ImageError", "Prediction", "ServingError", "whole_image",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `--help` needs no onnxruntime."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
