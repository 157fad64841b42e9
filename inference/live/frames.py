"""From a frame to the frame with its faces marked, fast enough for a camera.

A frame is searched by one look at 400 pixels of its longer side, upright, where photos are searched
at up to three sizes and four ways up: decision 30 has what that costs and finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import perf_counter

from PIL import Image

from inference.annotation import annotate
from inference.classifier import Classifier
from inference.detection.detector import LONG_SIDE
from inference.detection.finder import FaceFinder
from inference.faces import Face
from inference.live.face_stream import FaceStream, TrackedFace

SIDE = 400
"""Pixels of a frame's longer side at which it is searched for faces."""

MAX_FACES = 16
"""Largest number of faces in a frame, the surest ones."""


@dataclass(frozen=True)
class MarkedFrame:
    """A frame with its faces.

    Attributes:
        image: RGB image, a copy of the frame with the faces marked.
        faces: Faces from left to right.
        milliseconds: Time of each part: detect, align, classify, follow, mark.
    """

    image: Image.Image
    faces: Sequence[TrackedFace]
    milliseconds: dict[str, float] = field(default_factory=dict)


def finder_of_frames(
    threads: int | None = None, max_faces: int = MAX_FACES, is_live: bool = True
) -> FaceFinder:
    """Return what finds the faces in frames.

    Args:
        threads: Number of threads of a live frame; None for the number of physical cores. Of a
            video file several frames are searched at the same time, in one thread each.
        max_faces: Largest number of faces in a frame, the surest ones.
        is_live: Whether frames come as they are taken, and have to be done in time: they are
            searched at `SIDE`, those of files as closely as photos. Both are searched upright.

    Example:
        >>> finder_of_frames().glance, finder_of_frames(is_live=False).glance
        (400, 1280)
    """
    if is_live:
        return FaceFinder(threads, max_faces, glance=SIDE)
    return FaceFinder(1, max_faces, glance=LONG_SIDE)


def mark(
    classifier: Classifier, stream: FaceStream, frame: Image.Image, seconds: float
) -> MarkedFrame:
    """Find, classify, follow and mark the faces in the next frame.

    Args:
        classifier: Model with what finds the faces, see `finder_of_frames`.
        stream: Faces of the frames before, which is updated.
        frame: RGB image.
        seconds: Time of the frame.

    Raises:
        BundleError: The model gives anything but probabilities.
    """
    prepared = classifier.prepare(frame)
    times = [perf_counter()]
    [found] = classifier.label([prepared.faces])
    times.append(perf_counter())
    faces = stream.follow(found, seconds)
    times.append(perf_counter())
    marked = annotate(frame, marked_faces(faces))
    times.append(perf_counter())
    classify, follow, draw = ((end - start) * 1e3 for start, end in pairwise(times))
    milliseconds = {
        "detect": prepared.detect_ms,
        "align": prepared.align_ms,
        "classify": classify,
        "follow": follow,
        "mark": draw,
    }
    return MarkedFrame(marked, faces, milliseconds)


def marked_faces(faces: Sequence[TrackedFace]) -> list[Face]:
    """Return faces as they are drawn: with the number of their track."""
    return [replace(one.face, index=one.track - 1) for one in faces]
