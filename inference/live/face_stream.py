"""The faces of one video or camera, frame by frame: each with its track, and smoothed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.bundle import LabelInfo
from inference.faces import Face
from inference.live.smoothing import SmoothedPredictions
from inference.live.tracker import Tracker


@dataclass(frozen=True)
class TrackedFace:
    """A face in a frame.

    Attributes:
        track: Number of its track, from 1 in order of appearance; see `inference.live.tracker`.
        face: Box, quality and landmarks in this frame, with the track's smoothed predictions.
    """

    track: int
    face: Face


class FaceStream:
    """Tracks of one video, camera or visitor; frames come in order.

    Args:
        labels: Labels of the model, with their operating points.

    Example:
        >>> from inference.faces import Box, Prediction
        >>> label = LabelInfo(name="gender", classes=("woman", "man"), output="p_man")
        >>> def face(left: int, p_man: float) -> Face:
        ...     said = Prediction(label.label, (1 - p_man, p_man), "man")
        ...     return Face(0, Box(left, 0, left + 50, 60), (said,), 0.99, 1.0)
        >>> stream = FaceStream([label])
        >>> for seconds, p_man in ((0.0, 0.9), (0.1, 0.4)):
        ...     [seen] = stream.follow([face(round(100 * seconds), p_man)], seconds)
        ...     print(seen.track, seen.face.box.left, seen.face.label, round(seen.face.p_man, 2))
        1 0 man 0.9
        1 10 man 0.7
    """

    def __init__(self, labels: Sequence[LabelInfo]) -> None:
        self._labels = list(labels)
        self._tracker = Tracker()
        self._smoothed: dict[int, SmoothedPredictions] = {}

    def follow(self, faces: Sequence[Face], seconds: float) -> list[TrackedFace]:
        """Take the faces of the next frame.

        Args:
            faces: Faces of the frame, classified by themselves.
            seconds: Time of the frame.

        Returns:
            The same faces in the same order.
        """
        numbers = self._tracker.update([face.box for face in faces], seconds)
        alive = self._tracker.tracks
        self._smoothed = {one: kept for one, kept in self._smoothed.items() if one in alive}
        return [
            TrackedFace(number, self._smooth(number, face, seconds))
            for number, face in zip(numbers, faces, strict=True)
        ]

    def _smooth(self, number: int, face: Face, seconds: float) -> Face:
        if number not in self._smoothed:
            self._smoothed[number] = SmoothedPredictions(self._labels)
        smoothed = self._smoothed[number].update(face.predictions, face.quality, seconds)
        return replace(face, predictions=smoothed)
