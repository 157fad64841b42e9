"""From a picture to the pixels of its faces, framed as in training."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Self

import numpy as np
from PIL import Image

from data import decode, decode_reduced, to_square
from inference.alignment import FRAME, align, scale_of
from inference.bundle import Input
from inference.detection import LONG_SIDE, Detection, Detector

Source = Path | bytes | Image.Image
MAX_FACES = 64


@dataclass(frozen=True)
class Region:
    """A face that was found and not yet classified; `pixels` is uint8 RGB [size, size, 3]."""

    left: int
    top: int
    right: int
    bottom: int
    detection_score: float | None
    pixels: np.ndarray


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
    """Finds faces and aligns them. The detector is loaded once for all of the same `threads`."""

    threads: int | None = None
    max_faces: int = MAX_FACES

    def loaded(self) -> Self:
        """Load the detector now rather than at the first picture. Raises BundleError."""
        _detector(self.threads)
        return self

    def __call__(self, source: Source, wanted: Input) -> Found:
        """Find the faces in a picture. Raises data.ImageError if it cannot be read."""
        detector, start = _detector(self.threads), perf_counter()
        image, factor = decode_reduced(source, LONG_SIDE)
        decoded = perf_counter()
        faces = detector.detect(image, self.max_faces)
        detected = perf_counter()
        if factor > 1 and any(_is_coarse(face, wanted) for face in faces):
            faces = [face.enlarged(factor) for face in faces]
            image, factor = decode(source), 1
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


def _is_coarse(face: Detection, wanted: Input) -> bool:
    """Whether the picture has fewer pixels of the face than the model takes, or the framing."""
    return scale_of(face.landmarks) < min(1.0, wanted.size / FRAME[0])


def _region(image: Image.Image, factor: int, face: Detection, wanted: Input) -> Region | None:
    """Cut the face out; the box is in pixels of the whole picture, inside it."""
    aligned = align(image, face.landmarks)
    if aligned is None:
        return None
    width, height = image.size
    left, right = (round(min(max(x, 0), width) * factor) for x in (face.left, face.right))
    top, bottom = (round(min(max(y, 0), height) * factor) for y in (face.top, face.bottom))
    pixels = to_square(aligned, wanted.size, wanted.framing)
    return Region(left, top, right, bottom, round(face.score, 4), pixels)


def _ms(start: float, end: float) -> float:
    return (end - start) * 1e3
