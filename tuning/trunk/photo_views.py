"""Images as other photos would show them: the views of a training from pixels.

Faces of one data set are alike in sharpness, light and place; photos that people bring are not.
What differs is drawn at random for each image and view, see docs/decisions/47.
"""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from tuning.trunk.image_set import ImageSet

PHOTO_VIEWS = 30
"""Number of views of each image, beside the plain and the mirrored one."""

_SHIFT = 0.05  # of the side
_ZOOM = 0.1  # in logarithms
_DEGREES = 8.0
_LIGHT = 0.3  # of brightness, contrast and saturation
_CAST = 0.1  # of the brightness of each color
_GRAY = 0.15  # share of the images
_SMALLEST = 0.4  # of the side
_JPEG = (25, 90)  # qualities


class PhotoView:
    """One photo-like view of images, indexed by rows as `PixelView` is, uint8 [n, side, side, 3].

    Args:
        images: Rows of a store whose images are shown.
        number: Number of the view, which with the row says what is drawn: the same whenever and
            wherever it is asked for.

    Example:
        >>> from tuning.trunk.image_set import ImageSet
        >>> pixels = np.full((3, 64, 64, 3), 128, np.uint8)
        >>> view = PhotoView(ImageSet.of(pixels, np.arange(3), "store"), 0)
        >>> view[np.array([0, 2])].shape
        (2, 64, 64, 3)
    """

    def __init__(self, images: ImageSet, number: int) -> None:
        self._set = images
        self._number = number
        self.shape = (len(images), *images.images.shape[1:])
        self.dtype = images.images.dtype

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        chosen = self._set.rows[rows]
        images = self._set.images[chosen]
        seeds = [(self._number, int(row)) for row in chosen]
        return np.stack(
            [
                _another_photo(image, np.random.default_rng(seed))
                for image, seed in zip(images, seeds, strict=True)
            ]
        )


def _another_photo(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    photo = _in_other_light(_moved(image, rng), rng)
    return np.asarray(_in_other_quality(photo, rng))


def _moved(image: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Mirrored or not, shifted, turned and enlarged, its border continued outwards."""
    side = len(image)
    margin = side // 4
    wide = Image.fromarray(np.pad(image, ((margin, margin), (margin, margin), (0, 0)), "edge"))
    angle = math.radians(rng.uniform(-_DEGREES, _DEGREES))
    zoom = math.exp(rng.uniform(-_ZOOM, _ZOOM))
    across, down = margin + side / 2 + side * rng.uniform(-_SHIFT, _SHIFT, 2)
    turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned[:, 0] *= rng.choice([-1, 1])
    (a, b), (d, e) = turned / zoom
    middle = side / 2
    matrix = (a, b, across - (a + b) * middle, d, e, down - (d + e) * middle)
    return wide.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _in_other_light(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        photo = change(photo).enhance(rng.uniform(1 - _LIGHT, 1 + _LIGHT))
    if rng.random() < _GRAY:
        return photo.convert("L").convert("RGB")
    cast = rng.uniform(1 - _CAST, 1 + _CAST, 3)
    return Image.fromarray(np.clip(np.asarray(photo) * cast, 0, 255).astype(np.uint8))


def _in_other_quality(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Smaller, blurred or sharpened, and by half of the photos compressed anew."""
    size, small = photo.size, max(1, round(photo.width * rng.uniform(_SMALLEST, 1)))
    kind = rng.integers(4)
    if kind == 1:
        smaller = photo.resize((small, small), Image.Resampling.BOX)
        photo = smaller.resize(size, Image.Resampling.BILINEAR)
    elif kind == 2:
        photo = photo.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    elif kind == 3:
        photo = ImageEnhance.Sharpness(photo).enhance(rng.uniform(1, 3))
    if rng.random() < 0.5:
        return photo
    stream = BytesIO()
    photo.save(stream, "JPEG", quality=int(rng.integers(*_JPEG)))
    return Image.open(stream).convert("RGB")
