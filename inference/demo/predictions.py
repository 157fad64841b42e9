"""The predictions that the page shows and its API returns, without anything of Gradio."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data import Framing
from inference.classifier import Classifier
from inference.demo.errors import RefusedError
from inference.demo.guards.uploads import Upload
from inference.demo.served_models import ServedModels
from inference.detection.finder import PreparedPicture
from inference.faces import Face
from inference.predict.outcomes import Outcome, outcomes
from inference.predict.rows import Row

MAX_FILES = 200
"""Largest number of files in one batch."""

SECONDS_FOR_BATCH = 300
"""Time after which a batch stops; the files that are left get a row that says so."""

_OUT_OF_TIME = "not classified: the batch took too long"


@dataclass(frozen=True)
class Milliseconds:
    """The time that each part of a prediction took, in milliseconds.

    Attributes:
        decode: From the file to pixels.
        detect: Finding the faces and their landmarks.
        align: Cutting out the faces, upright and of the model's size.
        classify: All faces of the picture together.
    """

    decode: float
    detect: float
    align: float
    classify: float


@dataclass(frozen=True)
class Prediction:
    """What one model predicts for one picture.

    Attributes:
        backbone: Backbone of the model, such as "vgg16".
        precision: Precision in which the model ran, "int8" or "fp32".
        milliseconds: Time that each part took.
        faces: Faces from left to right; none where no face was found.

    Example:
        >>> from inference.faces import Box
        >>> face = Face(0, Box(10, 20, 50, 80), p_man=0.03, label="woman")
        >>> prediction = Prediction("vgg16", "int8", Milliseconds(4.0, 20.0, 1.0, 8.0), [face])
        >>> prediction.to_dict()["milliseconds"]["detect"]
        20.0
    """

    backbone: str
    precision: str | None
    milliseconds: Milliseconds
    faces: list[Face]

    def to_dict(self) -> dict[str, object]:
        """Return the prediction as the API's JSON has it."""
        return {
            "backbone": self.backbone,
            "precision": self.precision,
            "milliseconds": asdict(self.milliseconds),
            "faces": [face.to_dict() for face in self.faces],
        }


def classify(picture: Path, classifier: Classifier) -> Prediction:
    """Find and classify the faces in a picture.

    Args:
        picture: Path of the picture.
        classifier: Model to use, with what finds the faces.

    Returns:
        The prediction.

    Raises:
        data.ImageError: The picture cannot be read.
    """
    return _predict(classifier, classifier.prepare(picture))


def _predict(classifier: Classifier, prepared: PreparedPicture) -> Prediction:
    start = time.perf_counter()
    [faces] = classifier.label([prepared.faces])
    classify_ms = (time.perf_counter() - start) * 1e3
    milliseconds = Milliseconds(
        prepared.decode_ms, prepared.detect_ms, prepared.align_ms, classify_ms
    )
    return Prediction(classifier.info.backbone, classifier.precision, milliseconds, faces)


def compare(picture: Path, models: ServedModels) -> list[Prediction]:
    """Let every model classify the faces in one picture.

    The faces are found once for all models that take the same crop.

    Args:
        picture: Path of the picture.
        models: Models to use; one that turns out to be damaged is logged and left out.

    Returns:
        One prediction a model, in rank order.

    Raises:
        data.ImageError: The picture cannot be read.
        BundleError: No model can be used.
    """
    prepared: dict[tuple[int, Framing], PreparedPicture] = {}
    predictions = []
    for classifier in models.load_all():
        wanted = classifier.info.input
        key = (wanted.size, wanted.framing)
        if key not in prepared:
            prepared[key] = classifier.prepare(picture)
        predictions.append(_predict(classifier, prepared[key]))
    return predictions


def classify_batch(
    pictures: Sequence[Upload],
    classifier: Classifier,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Find and classify the faces in many pictures.

    Args:
        pictures: Pictures, from 1 to `MAX_FILES`.
        classifier: Model to use, with what finds the faces.
        progress: Function that is called after each picture with the number of pictures that are
            done, and of all.

    Returns:
        One row a face, as `python -m inference predict` writes them; a picture without a face, or
        that cannot be read, has one row with `error` filled.

    Raises:
        RefusedError: There are no pictures, or too many.
    """
    if not pictures:
        raise RefusedError("no pictures were sent")
    if len(pictures) > MAX_FILES:
        raise RefusedError(f"{len(pictures)} files are too many: {MAX_FILES} at a time")
    deadline = time.monotonic() + SECONDS_FOR_BATCH
    rows: list[Row] = []
    results = outcomes(classifier, [picture.path for picture in pictures])
    for done, picture in enumerate(pictures, 1):
        in_time = time.monotonic() < deadline
        outcome = next(results) if in_time else Outcome(picture.path, error=_OUT_OF_TIME)
        rows += [row | {"file": picture.name} for row in outcome.rows()]
        if progress:
            progress(done, len(pictures))
    return rows
