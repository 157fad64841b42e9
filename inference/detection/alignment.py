"""Bring a detected face into CelebA's framing, which the models were trained on.

The similarity transform that moves the landmarks closest to the template is the closed form of
Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE
TPAMI 13(4), 1991, with weights. In the plane it is one complex number: rotation and scale.
"""

import numpy as np
from PIL import Image

from inference.faces import Box

FRAME = (178, 218)
"""Width and height in pixels of CelebA's aligned images."""

TEMPLATE = np.array([(69, 112), (108.5, 112), (88.5, 136.2), (72, 152), (105.3, 152)], np.float32)
"""Where the detector sees eyes, nose and corners of the mouth in CelebA's aligned images.

Medians over 1,000 of them, so that aligning an image that is aligned changes least.
"""

# CelebA was aligned by the eyes. The corners of the mouth steady the transform where the eyes are
# close to each other; the nose moves most when a head turns.
_WEIGHTS = np.array([3, 3, 0.3, 1, 1])
LEAST_QUALITY = 0.5
"""Faces of less quality are not judged: their label is "uncertain".

Measured with the detector on CelebA (150 images), LFW (150) and UTKFace (150), each turned in steps
of 10 degrees: of upright faces 0 to 1 % lie below it (5th percentile 0.88), of faces turned by 30
degrees 0 to 1 %, by 60 degrees 3 to 13 %, by 90 degrees 42 to 57 %, of those on their head 98 %
(UTKFace 78 %: the rest is seen as an upright face, see `inference.detection.detector`). Where
CelebA's frame is known, the corners of the square that the model sees are off by 9 pixels of the
frame in the median at a quality above 0.9, by 16 at 0.7 to 0.9, by 20 at 0.5 to 0.7, by 25 to 69
below.
"""

_MISFIT = 10.0  # frame pixels from the template, root mean square, that halve the quality:
# upright faces have 1 to 5, faces on their head 10 to 170, where landmarks do not lie on a face
_FACE_SIDE = 109.0  # frame pixels: the side of a square as large as a detector's box is 99
_SMALLEST = 0.02  # picture pixels a frame pixel: a face of two pixels is none


def align(image: Image.Image, landmarks: np.ndarray) -> Image.Image | None:
    """Cut out a face as CelebA frames it; beyond the picture its edge is repeated.

    Args:
        image: RGB image that holds the face.
        landmarks: float [5, 2] in pixels of the image, in the order of `TEMPLATE`.

    Returns:
        RGB image of `FRAME`; None if the landmarks are nearly one point, or the face would lie
        outside the picture.

    Example:
        >>> align(Image.new("RGB", (400, 500)), 2 * TEMPLATE).size
        (178, 218)
    """
    turn, shift = similarity(TEMPLATE, landmarks)
    seen, beyond = _reach(turn, shift, image.size)
    if abs(turn) < _SMALLEST or seen[0] >= seen[2] or seen[1] >= seen[3]:
        return None
    # The pixels that a large face has too many are averaged first: the transform would skip them.
    shrink = max(1.0, abs(turn))
    size = [max(1, round((seen[axis + 2] - seen[axis]) / shrink)) for axis in (0, 1)]
    part = image.resize((size[0], size[1]), Image.Resampling.BICUBIC, seen, reducing_gap=1.5)
    margin = [-(-pixels // int(shrink)) for pixels in beyond]
    padded = np.pad(
        np.asarray(part), ((margin[1], margin[3]), (margin[0], margin[2]), (0, 0)), "edge"
    )

    across, down = ((seen[axis + 2] - seen[axis]) / size[axis] for axis in (0, 1))
    x, y = shift.real - seen[0], shift.imag - seen[1]
    coefficients = (
        *(turn.real / across, -turn.imag / across, x / across + margin[0]),
        *(turn.imag / down, turn.real / down, y / down + margin[1]),
    )
    return Image.fromarray(padded).transform(
        FRAME, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )


def _reach(
    turn: complex, shift: complex, size: tuple[int, int]
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Return the box of the picture that the frame covers, and what is missing on each side."""
    corners = (
        turn * (np.array([0, 1, 0, 1]) * FRAME[0] + np.array([0, 0, 1j, 1j]) * FRAME[1]) + shift
    )
    spare = 2 + 2 * abs(turn)  # what bicubic filters see beyond the frame
    low = [int(np.floor(part.min() - spare)) for part in (corners.real, corners.imag)]
    high = [int(np.ceil(part.max() + spare)) for part in (corners.real, corners.imag)]
    seen = (max(0, low[0]), max(0, low[1]), min(size[0], high[0]), min(size[1], high[1]))
    beyond = (seen[0] - low[0], seen[1] - low[1], high[0] - seen[2], high[1] - seen[3])
    return seen, beyond


def scale_of(landmarks: np.ndarray) -> float:
    """Return how many pixels of the picture one pixel of the aligned face spans, along a side.

    Args:
        landmarks: float [5, 2] in pixels of the picture, in the order of `TEMPLATE`.

    Example:
        >>> round(scale_of(3 * TEMPLATE), 6)
        3.0
    """
    return float(abs(similarity(TEMPLATE, landmarks)[0]))


def quality_of(landmarks: np.ndarray, box: Box) -> float:
    """Return how well landmarks and box fit a face as `TEMPLATE` shows it.

    Args:
        landmarks: float [5, 2] in pixels of a picture, which may be turned in any way.
        box: Box of the face in pixels of the same picture.

    Returns:
        0..1: 1 for a face seen from the front; below `LEAST_QUALITY` for what cannot be judged,
        such as a face that stands on its head, a full profile, or something else.

    Example:
        >>> round(quality_of(TEMPLATE, Box(46, 64, 131, 179)), 2)
        1.0
    """
    turn, shift = similarity(TEMPLATE, landmarks)
    if not turn or box.width <= 0 or box.height <= 0:
        return 0.0
    off = abs((landmarks.astype(float) @ (1, 1j) - shift) / turn - TEMPLATE @ (1, 1j))
    misfit = _WEIGHTS @ off**2 / _WEIGHTS.sum() / _MISFIT**2
    spread = min(1.0, abs(turn) * _FACE_SIDE / np.sqrt(box.width * box.height))
    return float(spread**2 / (1 + misfit))


def roll_of(landmarks: np.ndarray) -> float:
    """Return by how many degrees, -180 to 180, a face is turned clockwise in the picture.

    Args:
        landmarks: float [5, 2] in pixels of the picture, in the order of `TEMPLATE`.

    Example:
        >>> lying = TEMPLATE[:, ::-1] * (-1, 1)  # (x, y) -> (-y, x)
        >>> round(roll_of(TEMPLATE)), round(roll_of(lying))
        (0, 90)
    """
    return float(np.degrees(np.angle(similarity(TEMPLATE, landmarks)[0])))


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[complex, complex]:
    """Return the similarity transform that moves landmarks closest to others.

    Args:
        source: Landmarks to move, float [5, 2].
        target: Landmarks to come close to, float [5, 2].

    Returns:
        `turn` and `shift` of turn * (x + iy) + shift, by weighted least squares. `turn` is 0 if
        one of the two is a single point.

    Example:
        >>> turn, shift = similarity(TEMPLATE, 2 * TEMPLATE + (30, 0))
        >>> round(float(abs(turn)), 3), round(float(shift.real), 3)
        (2.0, 30.0)
    """
    weights = _WEIGHTS / _WEIGHTS.sum()
    start, end = (points.astype(float) @ (1, 1j) for points in (source, target))
    start_mean, end_mean = weights @ start, weights @ end
    start, end = start - start_mean, end - end_mean
    spread = weights @ abs(start) ** 2
    turn = weights @ (end * start.conj()) / spread if spread else 0j
    return turn, end_mean - turn * start_mean
