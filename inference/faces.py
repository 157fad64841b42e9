"""The result of serving: a face in a picture, and the box around it."""

from dataclasses import dataclass, field

import numpy as np

from inference.bundle import Label


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
class Face:
    """A face in a picture, classified.

    Attributes:
        index: Number of the face in its picture, from 0 at the left.
        box: Box of the face in whole pixels of the upright picture.
        p_man: Calibrated probability, 0..1, that the annotators of the training images would have
            perceived a man.
        label: "woman" or "man"; "uncertain" where `p_man` lies inside the model's uncertainty
            band, or `quality` below `inference.detection.alignment.LEAST_QUALITY`.
        detection_score: Score of the face detector, 0..1; None where none was used.
        quality: How well the landmarks fit a face seen from the front, 0..1: low for a face on its
            head, a full profile, a half covered face, or something that is no face; None where no
            detector was used.
        landmarks: float32 [5, 2], x and y of the eye on the left, the eye on the right, the tip of
            the nose, and the corners of the mouth on the left and on the right, in pixels of the
            upright picture, in the order of a face that stands upright; None where no detector
            was used. They do not count when faces are compared.

    Example:
        >>> face = Face(0, Box(10, 20, 50, 80), p_man=0.03, label="woman")
        >>> face.to_dict()["label"], face.to_dict()["right"]
        ('woman', 50)
    """

    index: int
    box: Box
    p_man: float
    label: Label
    detection_score: float | None = None
    quality: float | None = None
    landmarks: np.ndarray | None = field(default=None, compare=False)

    @property
    def number(self) -> int:
        """The number by which people are shown the face, from 1."""
        return self.index + 1

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Return the face as plain values, by the names that rows of `predict` have.

        Returns:
            `face` (the index), `left`, `top`, `right`, `bottom`, `detection_score`, `p_man`,
            `label` and `quality`, which JSON can hold.
        """
        box = self.box
        return {
            "face": self.index,
            "left": box.left,
            "top": box.top,
            "right": box.right,
            "bottom": box.bottom,
            "detection_score": self.detection_score,
            "p_man": self.p_man,
            "label": self.label,
            "quality": self.quality,
        }
