"""Which face of a frame is which face of the frames before, by how far their boxes overlap.

A track is a place in a video that a face moves through, not a person: who leaves the picture and
comes back has a new track, and two people who change places may change tracks. The matching is
that of Bochinski et al., "High-Speed Tracking-by-Detection Without Using Image Information", AVSS
2017, with tracks that survive a few frames in which their face was missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, product

from inference.faces import Box

LEAST_OVERLAP = 0.2
"""Intersection over union from which on two boxes may be the same face, see `overlap`."""

MISSED_FRAMES = 5
"""Number of frames in a row in which the face of a track may be missed."""

LONGEST_GAP = 2.0
"""Seconds after which a track has ended: a face that is there then may be anybody's."""


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over the union of two boxes, 0..1; 0 where both are empty.

    Example:
        >>> overlap(Box(0, 0, 10, 10), Box(5, 0, 15, 10))
        0.333...
    """
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(width, 0) * max(height, 0)
    union = one.width * one.height + other.width * other.height - common
    return common / union if union > 0 else 0.0


@dataclass
class _Track:
    """A track: its number, the last box that was seen of it, when, and how many frames ago."""

    number: int
    box: Box
    seconds: float
    missed: int = 0


class Tracker:
    """Numbers the faces of consecutive frames, from 1 in order of appearance.

    What it holds is bounded by the number of faces in the last few frames.

    Example:
        >>> tracker = Tracker()
        >>> tracker.update([Box(0, 0, 40, 40), Box(90, 0, 130, 40)], seconds=0.0)
        [1, 2]
        >>> tracker.update([Box(80, 0, 120, 40)], seconds=0.1)
        [2]
        >>> tracker.update([Box(5, 0, 45, 40), Box(200, 0, 240, 40)], seconds=0.2)
        [1, 3]
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._numbers = count(1)

    @property
    def tracks(self) -> set[int]:
        """The numbers of the tracks that may still go on."""
        return {track.number for track in self._tracks}

    def update(self, boxes: Sequence[Box], seconds: float) -> list[int]:
        """Match the faces of the next frame to the tracks, the largest overlaps first.

        Args:
            boxes: Boxes of the faces in the frame.
            seconds: Time of the frame. One before the last frame's, as after a cut, ends all
                tracks.

        Returns:
            Number of the track of each box; no two are the same.
        """
        self._tracks = [one for one in self._tracks if 0 <= seconds - one.seconds <= LONGEST_GAP]
        matched = self._matched(boxes)
        for index, box in enumerate(boxes):
            if index not in matched:
                matched[index] = _Track(next(self._numbers), box, seconds)
                self._tracks.append(matched[index])
        for track in self._tracks:
            track.missed += 1
        for index, track in matched.items():
            track.box, track.seconds, track.missed = boxes[index], seconds, 0
        self._tracks = [track for track in self._tracks if track.missed <= MISSED_FRAMES]
        return [matched[index].number for index in range(len(boxes))]

    def _matched(self, boxes: Sequence[Box]) -> dict[int, _Track]:
        """Return the track of each box, by the box's index, that goes on with it."""
        pairs = [
            (overlap(track.box, box), track, index)
            for track, (index, box) in product(self._tracks, enumerate(boxes))
        ]
        matched: dict[int, _Track] = {}
        taken: set[int] = set()
        for shared, track, index in sorted(pairs, key=lambda pair: -pair[0]):
            if shared < LEAST_OVERLAP:
                break
            if index not in matched and track.number not in taken:
                matched[index] = track
                taken.add(track.number)
        return matched
