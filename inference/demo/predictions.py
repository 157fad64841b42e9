"""The predictions that the page shows and its API returns, without anything of Gradio."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data import Framing, Label
from inference.classifier import Classifier
from inference.demo.guards.uploads import Upload
from inference.detection.finder import PreparedPicture
from inference.faces import Face
from inference.predict.outcomes import Outcome, outcomes
from inference.predict.rows import Row
from inference.served.errors import RefusedError
from inference.served.models import ServedModels, as_json

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
class PicturePrediction:
    """What one model predicts for one picture.

    Attributes:
        backbone: Name of the model, such as "vgg16".
        labels: Labels that the model gives for each face.
        precision: Precision in which the model ran, "int8" or "fp32".
        milliseconds: Time that each part took.
        faces: Faces by rows, top to bottom, left to right in each; none where no face was found.

    Example:
        >>> from data import GENDER
        >>> took = Milliseconds(4.0, 20.0, 1.0, 8.0)
        >>> prediction = PicturePrediction("vgg16", (GENDER,), "int8", took, faces=[])
        >>> prediction.to_dict()["labels"], prediction.to_dict()["milliseconds"]["detect"]
        ({'gender': ('woman', 'man')}, 20.0)
    """

    backbone: str
    labels: tuple[Label, ...]
    precision: str | None
    milliseconds: Milliseconds
    faces: list[Face]

    def to_dict(self) -> dict[str, object]:
        """Return the prediction as the API's JSON has it."""
        return {
            "backbone": self.backbone,
            "labels": as_json(self.labels),
            "precision": self.precision,
            "milliseconds": asdict(self.milliseconds),
            "faces": [face.to_dict() for face in self.faces],
        }


def classify(picture: Path, models: ServedModels, name: str, precision: str) -> PicturePrediction:
    """Find and classify the faces in a picture.

    Args:
        picture: Path of the picture.
        models: Models to choose from.
        name: Name of the model, as visitors send it.
        precision: One of `served.models.PRECISIONS`, as visitors send it.

    Returns:
        The prediction.

    Raises:
        RefusedError: There is no such model or precision.
        data.ImageError: The picture cannot be read.
        BundleError: The model is damaged.
    """
    classifier = models.load(name, precision)
    return _predict(name, classifier, classifier.prepare(picture))


def _predict(name: str, classifier: Classifier, prepared: PreparedPicture) -> PicturePrediction:
    start = time.perf_counter()
    [faces] = classifier.label([prepared.faces])
    classify_ms = (time.perf_counter() - start) * 1e3
    milliseconds = Milliseconds(
        prepared.decode_ms, prepared.detect_ms, prepared.align_ms, classify_ms
    )
    labels = classifier.info.classes
    return PicturePrediction(name, labels, classifier.precision, milliseconds, faces)


def compare(picture: Path, models: ServedModels) -> list[PicturePrediction]:
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
    for name, classifier in models.load_all().items():
        wanted = classifier.info.input
        key = (wanted.size, wanted.framing)
        if key not in prepared:
            prepared[key] = classifier.prepare(picture)
        predictions.append(_predict(name, classifier, prepared[key]))
    return predictions


@dataclass(frozen=True)
class Batch:
    """What one model predicts for many pictures.

    Attributes:
        labels: Labels that the model gives for each face.
        outcomes: Name of each file as it was sent, and what became of it, in order.
        precision: Precision in which the model ran, "int8" or "fp32".
    """

    labels: tuple[Label, ...]
    outcomes: list[tuple[str, Outcome]]
    precision: str | None = None

    def rows(self) -> list[Row]:
        """Return one row a face, as `python -m inference predict` writes them.

        A picture without a face, or that cannot be read, has one row with `error` filled.

        Example:
            >>> batch = Batch((), [("a.jpg", Outcome(Path("upload"), error="no face found"))])
            >>> [(row["file"], row["error"]) for row in batch.rows()]
            [('a.jpg', 'no face found')]
        """
        return [
            row | {"file": name} for name, one in self.outcomes for row in one.rows(self.labels)
        ]

    def numbered_rows(self) -> list[Row]:
        """Return the rows with `number` too: the number by which people are shown the face.

        `face` counts from 0, as scripts know it; pictures count from 1.

        Example:
            >>> Batch((), [("a.jpg", Outcome(Path("a"), error="no face"))]).numbered_rows()[0]
            {'file': 'a.jpg', ... 'number': None}
        """
        numbers: list[int | None] = []
        for _, one in self.outcomes:
            numbers += [face.number for face in one.faces] or [None]
        return [row | {"number": number} for row, number in zip(self.rows(), numbers, strict=True)]


def classify_batch(
    pictures: Sequence[Upload],
    classifier: Classifier,
    progress: Callable[[int, int], None] | None = None,
) -> Batch:
    """Find and classify the faces in many pictures.

    Args:
        pictures: Pictures, from 1 to `MAX_FILES`.
        classifier: Model to use, with what finds the faces.
        progress: Function that is called after each picture with the number of pictures that are
            done, and of all.

    Returns:
        What became of each picture.

    Raises:
        RefusedError: There are no pictures, or too many.
    """
    if not pictures:
        raise RefusedError("no pictures were sent")
    if len(pictures) > MAX_FILES:
        raise RefusedError(f"{len(pictures)} files are too many: {MAX_FILES} at a time")
    deadline = time.monotonic() + SECONDS_FOR_BATCH
    batch = Batch(classifier.info.classes, [], classifier.precision)
    results = outcomes(classifier, [picture.path for picture in pictures])
    for done, picture in enumerate(pictures, 1):
        in_time = time.monotonic() < deadline
        outcome = next(results) if in_time else Outcome(picture.path, error=_OUT_OF_TIME)
        batch.outcomes.append((picture.name, outcome))
        if progress:
            progress(done, len(pictures))
    return batch
