"""Face detection: at which sizes, in which parts and which way up a picture is searched."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product

import numpy as np
from PIL import Image

from inference.detection.alignment import LEAST_QUALITY, quality_of, roll_of
from inference.detection.retinaface import Candidates, RetinaFace, shrunk
from inference.faces import Box

LONG_SIDE = 1280
"""Pictures are searched at this many pixels of their longer side, or fewer."""

_SHORT = 256  # pictures smaller than this are enlarged, since landmarks are better then
_COARSE = 400  # a second look at this size finds faces that are too large for the first
_LARGE = (128.0, 192.0)  # sides in pixels: from the first on the second look counts, up to the
# second the first look does; between them both do, lest they disagree and neither counts
_SAME = 0.5  # boxes that share this part of the smaller one are one face
_CLOSE = 0.6  # boxes whose intersection is this part of their union agree on the landmarks

# Landmarks lie on a grid of so many points a pixel. Processors sum in other orders and differ by
# 1/10,000 pixel, which turned the last bit of 5 of a face's 27,648 values, of which INT8 made up to
# 0.04 of a probability. On the grid the same pixels are cut out on nearly all, and in a browser.
_GRID = 16

# CelebA's faces in pictures of 12 megapixels, 80 of each height: of those of 20, 24, 32, 40, 64 and
# 90 pixels the usual looks find 0, 0, 0, 0, 15 and 62 %, tiles 91, 96, 100, 100, 100 and 100 %
# (not enlarged the first are 40 and 55 %), with 3 false faces in 10 such pictures and 3 in 27
# without people. It takes twenty times as long: 3.5 s on one busy core.
_TILE = 800  # pixels: larger tiles take longer for a pixel, smaller ones overlap more
_OVERLAP = 144  # faces up to so many pixels lie whole in a tile; the look at LONG_SIDE has the rest
_ENLARGED = 1.5  # tiles are enlarged so
_TILED_SIDE = 6144  # but never so that a picture would be larger than this: 100 tiles at most

_TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
# Pictures turned by 90, 180 and 270 degrees: an upright crop came of 75, 0 and 40 % of LFW's and of
# 35, 0 and 43 % of UTKFace's before, of 100, 100, 100 and 100, 93, 100 % with a look each other way
# up; none of 240 pictures with an upright face was turned. Faces of less than 50 pixels of 1,000
# are mostly not found.

# An upright face with this score says how the picture stands: all of 80 upright portraits have one,
# nine tenths of UTKFace's faces on their head, half of which look upright to the network, do not.
_SURE = 0.99
_TRACE = 0.05  # score of anything: all turned faces of 135 pixels of 1,000 and 96 % of 75 pixels
# leave so much, and half of 292 pictures without people do not and take no longer; the others 25 ms
_TURNED = 0.85  # score that a turned picture has to reach: 0.81 was the most in those 292
_TILTED = 45.0  # degrees: beyond them a face is closer to upright in the turned picture


@dataclass(frozen=True)
class Detection:
    """A face that was found.

    Attributes:
        box: Box of the face in pixels of the image.
        score: Score of the network, 0..1.
        landmarks: float32 [5, 2] in pixels of the image, x and y of the eye on the left of the
            face as one sees it upright, the other eye, the tip of the nose, the corner of the
            mouth on the left, and the other corner.
        quality: How well landmarks and box fit a face, 0..1; see `inference.detection.alignment`.

    Example:
        >>> from inference.detection.alignment import TEMPLATE
        >>> face = Detection(Box(46, 64, 131, 179), score=0.99, landmarks=TEMPLATE, quality=1.0)
        >>> face.is_upright, face.scaled(2).box.xyxy
        (True, (92, 128, 262, 358))
    """

    box: Box
    score: float
    landmarks: np.ndarray
    quality: float

    @property
    def is_upright(self) -> bool:
        """Whether the face can be judged, and this way up is the best one to do so."""
        return abs(roll_of(self.landmarks)) <= _TILTED and self.quality >= LEAST_QUALITY

    def scaled(self, factor: float) -> "Detection":
        """Return the face in an image that is `factor` times as large."""
        box, landmarks = self.box.scaled(factor), self.landmarks * factor
        return replace(self, box=box, landmarks=landmarks)


@dataclass(frozen=True)
class Detector:
    """Finds faces; several threads may use it. Make one with `Detector.load`.

    Attributes:
        network: Network that finds candidates in one look.

    Example:
        >>> Detector.load(threads=1).detect(Image.new("RGB", (64, 64)))
        []
    """

    network: RetinaFace

    @classmethod
    def load(cls, threads: int | None = None) -> "Detector":
        """Open the network.

        Args:
            threads: Number of threads of a run; None for the number of physical cores.

        Raises:
            DetectorError: The network's package is not installed, or holds other weights.
        """
        return cls(RetinaFace.load(threads))

    def detect(
        self, image: Image.Image, max_faces: int = 64, small_faces: bool = False
    ) -> list[Detection]:
        """Find the faces in an image.

        A picture that lies on its side or stands on its head is turned for the search.

        Args:
            image: RGB image of any size, in any orientation.
            max_faces: Largest number of faces to return.
            small_faces: Whether to find faces from 20 pixels on in large images too, which takes
                twenty times as long.

        Returns:
            The faces in order of their scores, the highest first, in pixels of `image`, the
            landmarks in the order of an upright face.
        """
        found = self._search(image, small_faces)
        faces = _faces(found)
        if (turn := self._turn(image, faces, found.trace)) is not None:
            turned = self._search(image.transpose(turn), small_faces)
            faces = _faces(turned.turned_back(turn, image.size)) or faces
        return faces[:max_faces]

    def glance(self, image: Image.Image, side: int, max_faces: int = 64) -> list[Detection]:
        """Find the faces that stand upright, for frames that come in quick order.

        Args:
            image: RGB image of any size, upright.
            side: Pixels of the longer side at which it is searched; up to 400 it takes one look.
            max_faces: Largest number of faces to return.

        Returns:
            The faces as `detect` returns them.
        """
        return _faces(self._search(image, long_side=side))[:max_faces]

    def _search(
        self, image: Image.Image, small_faces: bool = False, long_side: int = LONG_SIDE
    ) -> Candidates:
        """Search this way up at a long side of 256 to `long_side` pixels.

        Where that is large, or a face in it is, once more at 400, since large faces are found
        better there.
        """
        longer = max(image.size)
        side = min(max(longer, _SHORT), long_side)
        found = self.network.look(image, side)
        low, high = (limit * longer / side for limit in _LARGE)
        if side > 2 * _COARSE or (side > _COARSE and (found.sides() > high).any()):
            large = self.network.look(image, _COARSE)
            found = large[large.sides() >= low].joined(found[found.sides() <= high])
        if small_faces:
            found = reduce(Candidates.joined, self._tiles(image), found)
            found = found[np.argsort(-found.scores, kind="stable")]
        return found

    def _tiles(self, image: Image.Image) -> Iterator[Candidates]:
        """Search overlapping tiles for faces that lie whole in one of them.

        A part of a face at a tile's border shares enough with the whole face to be joined with it.
        """
        width, height = image.size
        scale = min(_ENLARGED, _TILED_SIDE / max(width, height))
        columns, rows = (_spans(max(1, round(length * scale))) for length in image.size)
        for (left, right), (top, bottom) in product(columns, rows):
            low = round(left / scale), round(top / scale)
            high = min(width, round(right / scale)), min(height, round(bottom / scale))
            tile = image.crop((*low, *high))
            found = self.network.look(tile, round(max(tile.size) * scale))
            yield found[found.sides() <= _OVERLAP / scale].moved(*low)

    def _turn(
        self, image: Image.Image, faces: list[Detection], trace: float
    ) -> Image.Transpose | None:
        """Return how to turn a picture in which no face stands upright so that one does."""
        first = _upright_score(faces)
        if first >= _SURE or trace < _TRACE:
            return None
        small = shrunk(image, min(max(image.size), _COARSE))
        side = max(*small.size, _SHORT)

        def score(picture: Image.Image) -> float:
            return _upright_score(_faces(self.network.look(picture, side)))

        scores = {turn: score(small.transpose(turn)) for turn in _TURNS}
        turn = max(_TURNS, key=scores.__getitem__)
        best = scores[turn]
        return turn if best >= _TURNED and best > max(first, score(small)) else None


def _spans(length: int) -> list[tuple[int, int]]:
    """Return start and end of as few tiles as cover `length` pixels and overlap."""
    if length <= _TILE:
        return [(0, length)]
    count = -(-(length - _OVERLAP) // (_TILE - _OVERLAP))
    starts = (round(index * (length - _TILE) / (count - 1)) for index in range(count))
    return [(start, start + _TILE) for start in starts]


def _upright_score(faces: list[Detection]) -> float:
    """Return the highest score of a face that stands upright, 0 if none does."""
    return next((face.score for face in faces if face.is_upright), 0.0)


def _faces(found: Candidates) -> list[Detection]:
    """Return the faces, the highest score first."""
    return sorted(_distinct(found), key=lambda face: -face.score)


def _distinct(found: Candidates) -> Iterator[Detection]:
    """Yield a face for all candidates that cover it: the first's box, the close ones' landmarks.

    The candidates that nearly agree with the first differ by noise, which their mean lessens.
    """
    while len(found.scores):
        common, area, areas = _areas(found.boxes)
        close = common > _CLOSE * (area + areas - common)
        weights = found.scores[close]
        landmarks = np.average(found.landmarks[close], 0, weights)
        landmarks = (np.round(landmarks * _GRID) / _GRID).astype(np.float32)
        box = Box(*found.boxes[0].tolist())
        yield Detection(box, float(found.scores[0]), landmarks, quality_of(landmarks, box))
        found = found[common < _SAME * np.minimum(area, areas)]


def _areas(boxes: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Return what each box shares with the first [N], the first's area, and each area [N]."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    common = np.minimum(boxes[:, 2:], boxes[0, 2:]) - np.maximum(boxes[:, :2], boxes[0, :2])
    shared = common.clip(0).prod(axis=1)
    shared[0] = areas[0]
    return shared, areas[0], areas
