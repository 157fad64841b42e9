"""The search for faces in pictures that are not aligned, by the detector that serves.

What the model learns from is then cut out by the same function as what it sees when it serves.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data import DataError, FaceSearch, Guess, NoFaceError, decode, to_square

if TYPE_CHECKING:
    from inference.detection.detector import Detection
    from inference.detection.finder import FaceFinder

_PROMINENT = 0.5  # of the largest face's side: a smaller one is someone in the background


def search_for_faces(rows: np.ndarray, guess: bool = False) -> FaceSearch:
    """Return the search for the image store.

    Of several faces that can be judged and are at least half as large as the largest one, that
    nearest to the middle of the picture counts.

    Args:
        rows: Whether the face is searched for in each of the N images, bool [N].
        guess: Whether an image without such a face is used all the same: a face that cannot be
            judged, or what is in the middle. Else it is left out.

    Raises:
        DataError: The face detector is not installed.

    Example:
        >>> from PIL import Image
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "wall.png")
        >>> Image.new("RGB", (64, 64)).save(path)
        >>> search_for_faces(np.array([True])).cut_out(path, 96)
        Traceback (most recent call last):
            ...
        data.images.NoFaceError: no face found
        >>> search_for_faces(np.array([True]), guess=True).cut_out(path, 96).reason
        'no face found'
    """
    from inference.detection.finder import VERSION
    from inference.errors import DetectorError

    try:
        _finder()
    except DetectorError as error:
        raise DataError(
            f"faces can't be found: {error}; FRAMING=stretch or crop takes images as they are"
        ) from error
    if guess:
        return FaceSearch(_cut_out_or_guess, f"{VERSION} or a guess", rows)
    return FaceSearch(_cut_out, VERSION, rows)


@cache
def _finder() -> FaceFinder:
    """One a process: the store decodes in several threads and processes."""
    from inference.detection.finder import FaceFinder

    return FaceFinder(threads=1).loaded()


def _cut_out(path: Path, size: int) -> np.ndarray:
    square = _cut_out_or_guess(path, size)
    if isinstance(square, Guess):
        raise NoFaceError(square.reason)
    return square


def _cut_out_or_guess(path: Path, size: int) -> np.ndarray | Guess:
    from inference.bundle import Input
    from inference.detection.alignment import LEAST_QUALITY

    found = _finder()(path, Input(size=size, framing="face")).faces
    faces = [(face.detection, face.pixels) for face in found if face.detection]
    if not faces:
        return Guess(to_square(decode(path), size, "crop"), "no face found")
    good = [(face, pixels) for face, pixels in faces if face.quality >= LEAST_QUALITY]
    chosen = good or faces
    one = len(chosen) == 1
    index = 0 if one else subject([face for face, _ in chosen], decode(path).size)
    face, pixels = chosen[index]
    return pixels if good else Guess(pixels, f"only a poor face ({face.quality:.2f})")


def subject(faces: list[Detection], size: tuple[int, int]) -> int:
    """Choose the face that a picture is of.

    Args:
        faces: Faces in pixels of the picture, at least one.
        size: Width and height of the picture in pixels.

    Returns:
        Index of the face nearest to the middle, of those at least half as large as the largest.

    Example:
        >>> from inference.detection.detector import Detection
        >>> from inference.faces import Box
        >>> boxes = [Box(0, 0, 60, 60), Box(40, 40, 80, 80), Box(50, 50, 55, 55)]
        >>> faces = [Detection(box, 0.9, np.zeros((5, 2)), 1.0) for box in boxes]
        >>> subject(faces, (100, 100))
        1
    """
    sides = [max(face.box.width, face.box.height) for face in faces]
    middle = np.array(size) / 2
    prominent = [index for index, side in enumerate(sides) if side >= _PROMINENT * max(sides)]
    return min(prominent, key=lambda index: float(np.linalg.norm(faces[index].box.middle - middle)))
