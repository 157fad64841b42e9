"""Prepare the faces of a picture for a model: decoded, found, and framed as in training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from time import perf_counter
from typing import Self

import numpy as np
from PIL import Image

from data import decode, decode_reduced, framed, to_square
from inference.bundle import Input
from inference.detection.alignment import FRAME, align, scale_of
from inference.detection.detector import Detection, Detector
from inference.detection.reading_order import in_reading_order
from inference.detection.retinaface import WEIGHTS_SHA256
from inference.faces import Box
from inference.pictures import Source

VERSION = f"2 {WEIGHTS_SHA256[:16]}"
"""Raise the number when a picture gives other faces: those in image stores are then found anew."""

_LONG_SIDE = 1000  # pixels of the longer side for detection: 12 megapixels are decoded at 1/4
_TILED_SIDE = 4000  # the same for small faces: the largest JPEGs are decoded at 1/2


@dataclass(frozen=True)
class PreparedFace:
    """A face that is cut out of its picture for the model, and not yet classified.

    Attributes:
        box: Box of the face in whole pixels of the picture, inside it.
        pixels: uint8 RGB [size, size, 3], what the model sees.
        detection: The face as the detector found it, in pixels of the picture; None where no
            detector was used.
    """

    box: Box
    pixels: np.ndarray
    detection: Detection | None = None


@dataclass(frozen=True)
class PreparedPicture:
    """The faces of a picture, ready for the model.

    Attributes:
        faces: The faces by rows, see `reading_order`.
        decode_ms: Milliseconds that decoding took.
        detect_ms: Milliseconds that the search for faces took.
        align_ms: Milliseconds that aligning and resizing the faces took.
    """

    faces: list[PreparedFace] = field(default_factory=list)
    decode_ms: float = 0.0
    detect_ms: float = 0.0
    align_ms: float = 0.0


Finder = Callable[[Source, Input], PreparedPicture]
"""Prepares the faces of a picture for a model. It raises data.ImageError if it cannot be read."""


def whole_image(source: Source, wanted: Input) -> PreparedPicture:
    """Prepare the whole picture as one face in the framing of training, without a detector.

    Args:
        source: Path, encoded bytes or PIL image.
        wanted: Input of the model.

    Raises:
        ImageError: The picture cannot be read.

    Example:
        >>> portrait = Image.new("RGB", (178, 218))
        >>> [face] = whole_image(portrait, Input(size=96, framing="face")).faces
        >>> face.pixels.shape, face.box.xyxy
        ((96, 96, 3), (0, 0, 178, 218))
    """
    start = perf_counter()
    image = decode(source)
    decoded = perf_counter()
    pixels = to_square(image, wanted.size, wanted.framing)
    face = PreparedFace(Box(0, 0, *image.size), pixels)
    return PreparedPicture([face], _ms(start, decoded), 0.0, _ms(decoded, perf_counter()))


@dataclass(frozen=True)
class FaceFinder:
    """Finds faces and aligns them. The detector is loaded once for all of the same `threads`.

    Attributes:
        threads: Number of threads of a run; None for the number of physical cores.
        max_faces: Largest number of faces in a picture: those with the highest scores.
        small_faces: Whether to find faces of 20 to 90 pixels in pictures of many megapixels too, in
            twenty times the time (3 s at 12 megapixels) and at most 200 MB more memory.
        glance: Pixels of the longer side at which the frames of a video are searched, this way up
            alone; None for pictures, which may lie on their side.

    Example:
        >>> FaceFinder(threads=1)(Image.new("RGB", (64, 64)), Input(size=96, framing="face")).faces
        []
    """

    threads: int | None = None
    max_faces: int = 64
    small_faces: bool = False
    glance: int | None = None

    def loaded(self) -> Self:
        """Load the detector now rather than at the first picture. Raises DetectorError."""
        _detector(self.threads)
        return self

    def __call__(self, source: Source, wanted: Input) -> PreparedPicture:
        """Find the faces in a picture and prepare them.

        Args:
            source: Path, encoded bytes or PIL image.
            wanted: Input of the model.

        Raises:
            ImageError: The picture cannot be read.
            DetectorError: The face detector is not installed.
        """
        detector, start = _detector(self.threads), perf_counter()
        image, factor = decode_reduced(source, _TILED_SIDE if self.small_faces else _LONG_SIDE)
        decoded = perf_counter()
        if self.glance:
            faces = detector.glance(image, self.glance, self.max_faces)
        else:
            faces = detector.detect(image, self.max_faces, self.small_faces)
        detected = perf_counter()
        if factor > 1 and (lack := _lack(faces, wanted)) > 1:
            before = factor
            image, factor = decode_reduced(source, ceil(max(image.size) * lack))
            faces = [face.scaled(before / factor) for face in faces]
        again = perf_counter()
        prepared = [_prepared(image, factor, face, wanted) for face in faces]
        return PreparedPicture(
            in_reading_order(filter(None, prepared)),
            _ms(start, decoded) + _ms(detected, again),
            _ms(decoded, detected),
            _ms(again, perf_counter()),
        )


@cache
def _detector(threads: int | None) -> Detector:
    return Detector.load(threads)


def _lack(faces: Sequence[Detection], wanted: Input) -> float:
    """Return by what factor the smallest face is too small to fill the model's input."""
    smallest = min((scale_of(face.landmarks) for face in faces), default=1.0)
    left, _, right, _ = framed(FRAME, wanted.framing)
    return min(1.0, wanted.size / (right - left)) / max(smallest, 0.01)


def _prepared(
    image: Image.Image, factor: int, face: Detection, wanted: Input
) -> PreparedFace | None:
    """Cut out a face of an image of which a pixel spans `factor` pixels of the picture."""
    aligned = align(image, face.landmarks)
    if aligned is None:
        return None
    box = face.box.clipped(image.size).scaled(factor).rounded()
    pixels = to_square(aligned, wanted.size, wanted.framing)
    return PreparedFace(box, pixels, face.scaled(factor))


def _ms(start: float, end: float) -> float:
    return (end - start) * 1e3
