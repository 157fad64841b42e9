"""What requests and responses look like: OpenAPI is made of these classes, and so are responses."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from data import Label
from inference import faces
from inference.bundle import Precision
from inference.classifier import Classifier
from inference.runtime.providers import Provider
from inference.service.errors import Kind

MAX_PICTURES = 16
"""Largest number of pictures in one request."""

MAX_NAME = 255
"""Largest number of characters of a picture's name."""

_Share = Annotated[float, Field(ge=0, le=1)]


class _Sent(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EncodedPicture(_Sent):
    """A picture in a JSON request."""

    data: str = Field(description="The file (JPEG, PNG, WebP, ...) in base64")
    name: str | None = Field(
        default=None, max_length=MAX_NAME, description="Name that the response repeats"
    )


class FacesRequest(_Sent):
    """Pictures in JSON."""

    images: list[EncodedPicture] = Field(min_length=1, max_length=MAX_PICTURES)


class Box(_Sent):
    """Box of a face in pixels of the upright picture; right and bottom are excluded."""

    left: int
    top: int
    right: int
    bottom: int


class Point(_Sent):
    """A point in pixels of the upright picture."""

    x: float
    y: float


class Landmarks(_Sent):
    """Points of a face, left and right as one sees them when it stands upright."""

    left_eye: Point
    right_eye: Point
    nose: Point
    left_mouth: Point
    right_mouth: Point


class LabelPrediction(_Sent):
    """What the model says of a face on one label: what annotators would have perceived."""

    label: str = Field(description="Name of the label")
    decision: str = Field(
        description='A class, or "uncertain" where the model is not sure enough of any'
    )
    probabilities: dict[str, _Share] = Field(description="Calibrated probability of each class")


class DetectedFace(_Sent):
    """A face, with a prediction for each label of the model."""

    index: int = Field(ge=0, description="Number of the face in its picture, from the left")
    box: Box
    landmarks: Landmarks
    detection_score: _Share = Field(description="Score of the face detector")
    quality: _Share = Field(
        description="How well the landmarks fit a face seen from the front; below 0.5 nothing is "
        "decided"
    )
    predictions: list[LabelPrediction]

    @classmethod
    def of(cls, face: faces.Face) -> Self:
        """Take a face from the detector and the classifier."""
        assert face.landmarks is not None, "the service finds faces by the detector"
        points = [Point(x=round(x, 1), y=round(y, 1)) for x, y in face.landmarks.tolist()]
        left, top, right, bottom = map(int, face.box.xyxy)
        return cls(
            index=face.index,
            box=Box(left=left, top=top, right=right, bottom=bottom),
            landmarks=Landmarks(**dict(zip(Landmarks.model_fields, points, strict=True))),
            detection_score=face.detection_score or 0.0,
            quality=face.quality or 0.0,
            predictions=[
                LabelPrediction(
                    label=one.label.name,
                    decision=one.decision,
                    probabilities=dict(
                        zip(one.label.classes, map(_rounded, one.probabilities), strict=True)
                    ),
                )
                for one in face.predictions
            ],
        )


class Milliseconds(_Sent):
    """Time that each part took, in milliseconds."""

    queue: float = Field(description="Waiting for a thread")
    decode: float = Field(description="From the file to pixels")
    detect: float = Field(description="Finding faces and landmarks")
    align: float = Field(description="Cutting the faces out, upright")
    classify: float = Field(description="Classifying, with waiting for the batch before")


class ErrorDetail(_Sent):
    """Why there is no result."""

    kind: Kind = Field(description="What to act on")
    message: str = Field(description="A reason for people")


class ErrorResponse(_Sent):
    """Response to a request that was refused or failed."""

    error: ErrorDetail


class PictureResult(_Sent):
    """The faces in one picture, or the reason why it could not be read."""

    name: str | None = Field(description="Name as it was sent, at most 255 characters of it")
    faces: list[DetectedFace] = Field(description="By rows, then left to right; may be empty")
    milliseconds: Milliseconds | None
    error: ErrorDetail | None = Field(description="Null where the picture was read")


class LabelClasses(_Sent):
    """A label that a model predicts, with its classes."""

    name: str
    classes: list[str]


class ServedModel(_Sent):
    """The model that was used."""

    name: str
    precision: Precision
    runtime: Provider = Field(description="What runs it; cpu is onnxruntime on the CPU")
    sha256: str = Field(description="SHA-256 of the ONNX file that is served, hex")
    labels: list[LabelClasses]
    synthetic: bool = Field(
        description="Trained on drawn faces: the predictions only show that the pipeline works"
    )

    @classmethod
    def of(cls, name: str, classifier: Classifier) -> Self:
        """Describe a loaded model."""
        info, precision = classifier.info, classifier.precision
        assert precision is not None, "the service loads bundles"
        return cls(
            name=name,
            precision=precision,
            runtime=classifier.provider,
            sha256=info.formats[precision].sha256,
            labels=with_classes(info.classes),
            synthetic=info.synthetic,
        )


class FacesResponse(_Sent):
    """Result of each picture, in the order in which they were sent."""

    model: ServedModel
    images: list[PictureResult]


class ModelFacts(_Sent):
    """An exported model, with figures as measured at export."""

    name: str
    is_default: bool = Field(description="Whether it is used where a request names no model")
    labels: list[LabelClasses]
    withheld: list[str] = Field(
        description="Labels of origin, which this server gives to nobody (--classify-origin)"
    )
    sha256: dict[Precision, str] = Field(description="SHA-256 of the ONNX file of each precision")
    test_accuracy: _Share | None = Field(
        description="Share of correct predictions on test images, of several labels the mean"
    )
    test_accuracy_interval: tuple[float, float] | None = Field(description="95 % interval of it")
    synthetic: bool = Field(description="See the model of /v1/faces")


class ModelsResponse(_Sent):
    """The exported models, in rank order."""

    models: list[ModelFacts]


class Health(_Sent):
    """Response of the probes."""

    status: Literal["ok", "ready", "stopping"]


def with_classes(labels: Sequence[Label]) -> list[LabelClasses]:
    """Describe labels.

    Example:
        >>> [one] = with_classes([Label(name="Smiling", classes=("no", "yes"))])
        >>> one.name, one.classes
        ('Smiling', ['no', 'yes'])
    """
    return [LabelClasses(name=one.name, classes=list(one.classes)) for one in labels]


def _rounded(probability: float) -> float:
    return round(probability, 6)
