"""The result of serving: a face in a picture, and the box around it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data import GENDER, Label
from data.labels import column, decisions


@dataclass(frozen=True)
class Box:
    """A rectangle in a picture, in pixels from the upper left corner.

    Attributes:
        left: x of the left edge, pixels.
        top: y of the upper edge, pixels.
        right: x of the right edge, pixels, excluded.
        bottom: y of the lower edge, pixels, excluded.

    Example:
        >>> box = Box(10, 20, 50, 80)
        >>> box.width, box.height, box.middle
        (40, 60, (30.0, 50.0))
        >>> Box(*box.xyxy) == box
        True
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.left, self.top, self.right, self.bottom

    @property
    def width(self) -> float:
        """Pixels from the left to the right edge."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels from the upper to the lower edge."""
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        """Middle of the box, x and y."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def contains(self, point: tuple[float, float]) -> bool:
        """Whether a point, x and y, lies inside the box or on its edge.

        Example:
            >>> Box(0, 0, 10, 10).contains(Box(8, 8, 12, 12).middle)
            True
        """
        x, y = point
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def overlaps(self, other: "Box") -> bool:
        """Whether two boxes share more than an edge.

        Example:
            >>> Box(0, 0, 10, 10).overlaps(Box(9, 9, 20, 20))
            True
        """
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def scaled(self, factor: float) -> "Box":
        """Return the same box in a picture that is `factor` times as large."""
        return Box(*(edge * factor for edge in self.xyxy))

    def clipped(self, size: tuple[int, int]) -> "Box":
        """Return the part of the box inside a picture of `size`, width and height.

        Example:
            >>> Box(-5, 10, 30, 50).clipped((100, 40))
            Box(left=0, top=10, right=30, bottom=40)
        """
        limits = (*size, *size)
        return Box(*(min(max(edge, 0), end) for edge, end in zip(self.xyxy, limits, strict=True)))

    def rounded(self) -> "Box":
        """Return the box with its edges on whole pixels, as int."""
        return Box(*map(round, self.xyxy))


@dataclass(frozen=True)
class Prediction:
    """What a model says of a face on one label.

    Attributes:
        label: The label, with its classes.
        probabilities: Calibrated probability, 0..1, of each class: how likely the annotators of
            the training images would have named it.
        decision: The class, or "uncertain" where the model is not sure enough of any, or `quality`
            of the face is below `inference.detection.alignment.LEAST_QUALITY`.

    Example:
        >>> smiling = Label(name="Smiling", classes=("no", "yes"))
        >>> prediction = Prediction(smiling, (0.25, 0.75), "uncertain")
        >>> prediction.likeliest, prediction.probability
        ('yes', 0.75)
    """

    label: Label
    probabilities: tuple[float, ...]
    decision: str

    @property
    def likeliest(self) -> str:
        """The class that was decided; where that is uncertain, the most likely one."""
        if self.decision in self.label.classes:
            return self.decision
        return self.label.classes[decisions(np.array([self.probabilities]))[0]]

    @property
    def probability(self) -> float:
        """Probability of the likeliest class."""
        return self[self.likeliest]

    def __getitem__(self, name: str) -> float:
        """Return the probability of a class. Raises ValueError if there is none of this name."""
        return self.probabilities[self.label.classes.index(name)]


@dataclass(frozen=True)
class Face:
    """A face in a picture, classified.

    Attributes:
        index: Number of the face in its picture by rows, from 0, see
            `inference.detection.reading_order`.
        box: Box of the face in whole pixels of the upright picture.
        predictions: What the model says of each of its labels, in order.
        detection_score: Score of the face detector, 0..1; None where none was used.
        quality: How well the landmarks fit a face seen from the front, 0..1: low for a face on its
            head, a full profile, a half covered face, or something that is no face; None where no
            detector was used.
        landmarks: float32 [5, 2], x and y of the eye on the left, the eye on the right, the tip of
            the nose, and the corners of the mouth on the left and on the right, in pixels of the
            upright picture, in the order of a face that stands upright; None where no detector
            was used. They do not count when faces are compared.

    Example:
        >>> face = Face(0, Box(10, 20, 50, 80), (Prediction(GENDER, (0.97, 0.03), "woman"),))
        >>> face.label, face.p_man, face["gender"].probability
        ('woman', 0.03, 0.97)
        >>> face.to_dict()["label"], face.to_dict()["right"]
        ('woman', 50)
    """

    index: int
    box: Box
    predictions: tuple[Prediction, ...]
    detection_score: float | None = None
    quality: float | None = None
    landmarks: np.ndarray | None = field(default=None, compare=False)

    @property
    def number(self) -> int:
        """The number by which people are shown the face, from 1."""
        return self.index + 1

    @property
    def label(self) -> str:
        """Decision on the first label, which is the only one of most models."""
        return self.predictions[0].decision

    @property
    def p_man(self) -> float:
        """Probability of "man", of a model of gender.

        Raises:
            AttributeError: The model does not predict gender.
        """
        for prediction in self.predictions:
            if prediction.label.name == GENDER.name:
                return prediction["man"]
        raise AttributeError("p_man: the model does not predict gender")

    def __getitem__(self, label: str) -> Prediction:
        """Return what the model says on a label. Raises KeyError if it has none of this name."""
        for prediction in self.predictions:
            if prediction.label.name == label:
                return prediction
        raise KeyError(label)

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Return the face as plain values, by the names that rows of `predict` have.

        Returns:
            `face` (the index), `left`, `top`, `right`, `bottom`, `detection_score`, the columns of
            each label (see `label_columns`) and `quality`, which JSON can hold.
        """
        box = self.box
        said: dict[str, str | float] = {}
        labels = [prediction.label for prediction in self.predictions]
        for prediction in self.predictions:
            values: tuple[str | float, ...]
            values = (prediction.decision, prediction.probability, *prediction.probabilities)
            names = _columns(prediction.label, labels)
            said |= dict(zip(names, values, strict=True))
        return {
            "face": self.index,
            "left": box.left,
            "top": box.top,
            "right": box.right,
            "bottom": box.bottom,
            "detection_score": self.detection_score,
            **{name: said[name] for name in label_columns(labels)},
            "quality": self.quality,
        }


def label_columns(labels: Sequence[Label]) -> list[str]:
    """Return the names of what rows say of a face's labels.

    Example:
        >>> label_columns([GENDER])
        ['p_man', 'label']
        >>> label_columns([Label(name="Smiling", classes=("no", "yes"))])
        ['label', 'probability', 'p_no', 'p_yes']
    """
    if tuple(labels) == (GENDER,):
        return ["p_man", "label"]  # as rows were before there were other labels
    return [name for label in labels for name in _columns(label, labels)]


def _columns(label: Label, labels: Sequence[Label]) -> list[str]:
    names = ("label", "probability", *(f"p_{name}" for name in label.classes))
    return [column(name, label, labels) for name in names]
