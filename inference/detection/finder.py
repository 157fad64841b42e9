"""From a picture to the pixels of its faces, framed as in training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Self

import numpy as np
from PIL import Image

from data import decode, decode_reduced, framed, to_square
from inference.bundle import Input
from inference.detection.alignment import FRAME, align, scale_of
from inference.detection.detector import Detection, Detector

Source = Path | bytes | Image.Image
MAX_FACES = 64
_LONG_SIDE = 1000  # pixels of the longer side to decode for detection: 12 megapixels come as 1/4
_TILED_SIDE = 4000  # the same for small faces: the largest JPEGs come as 1/2


@dataclass(frozen=True)
class Region:
    """A face that was found and not yet classified; `pixels` is uint8 RGB [size, size, 3].

    `detection_score` and `quality` are in 0..1, or None where no detector was asked.
    """

    left: int
    top: int
    right: int
    bottom: int
    detection_score: float | None
    pixels: np.ndarray
    quality: float | None = None


@dataclass(frozen=True)
class Found:
    """The faces in a picture from left to right, and the milliseconds that each part took."""

    regions: list[Region] = field(default_factory=list)
    decode_ms: float = 0.0
    detect_ms: float = 0.0
    align_ms: float = 0.0


Finder = Callable[[Source, Input], Found]
"""Takes a picture apart. It raises data.ImageError if the picture cannot be read."""


def whole_image(source: Source, wanted: Input) -> Found:
    """Take the whole picture as one face in the framing of training; no detector is asked."""
    start = perf_counter()
    image = decode(source)
    decoded = perf_counter()
    pixels = to_square(image, wanted.size, wanted.framing)
    region = Region(0, 0, image.width, image.height, None, pixels)
    return Found([region], _ms(start, decoded), 0.0, _ms(decoded, perf_counter()))


@dataclass(frozen=True)
class FaceFinder:
    """Finds faces and aligns them. The detector is loaded once for all of the same `threads`.

    `small_faces` also finds those of 20 to 90 pixels in pictures of many megapixels, in twenty
    times the time (3 s at 12 megapixels) and at most 200 MB more memory.
    """

    threads: int | None = None
    max_faces: int = MAX_FACES
    small_faces: bool = False

    def loaded(self) -> Self:
        """Load the detector now rather than at the first picture. Raises BundleError."""
        _detector(self.threads)
        return self

    def __call__(self, source: Source, wanted: Input) -> Found:
        """Find the faces in a picture. Raises data.ImageError if it cannot be read."""
        detector, start = _detector(self.threads), perf_counter()
        image, factor = decode_reduced(source, _TILED_SIDE if self.small_faces else _LONG_SIDE)
        decoded = perf_counter()
        faces = detector.detect(image, self.max_faces, self.small_faces)
        detected = perf_counter()
        if factor > 1 and (lack := _lack(faces, wanted)) > 1:
            before = factor
            image, factor = decode_reduced(source, ceil(max(image.size) * lack))
            faces = [face.enlarged(before / factor) for face in faces]
        again = perf_counter()
        regions = [_region(image, factor, face, wanted) for face in faces]
        return Found(
            sorted(filter(None, regions), key=lambda region: region.left),
            _ms(start, decoded) + _ms(detected, again),
            _ms(decoded, detected),
            _ms(again, perf_counter()),
        )


@cache
def _detector(threads: int | None) -> Detector:
    return Detector.load(threads)


def _lack(faces: Sequence[Detection], wanted: Input) -> float:
    """Return by how much the smallest face should be larger to fill the model or the framing."""
    smallest = min((scale_of(face.landmarks) for face in faces), default=1.0)
    left, _, right, _ = framed(FRAME, wanted.framing)
    return min(1.0, wanted.size / (right - left)) / max(smallest, 0.01)


def _region(image: Image.Image, factor: int, face: Detection, wanted: Input) -> Region | None:
    """Cut the face out; the box is in pixels of the whole picture, inside it."""
    aligned = align(image, face.landmarks)
    if aligned is None:
        return None
    width, height = image.size
    left, right = (round(min(max(x, 0), width) * factor) for x in (face.left, face.right))
    top, bottom = (round(min(max(y, 0), height) * factor) for y in (face.top, face.bottom))
    pixels = to_square(aligned, wanted.size, wanted.framing)
    return Region(left, top, right, bottom, round(face.score, 4), pixels, round(face.quality, 4))


def _ms(start: float, end: float) -> float:
    return (end - start) * 1e3
