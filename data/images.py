"""Decoding and squaring of images, the same pixels in training and in serving.

Pillow and NumPy alone. Whatever a file holds, the answer is an RGB image or an `ImageError`.
"""

from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Framing = Literal["stretch", "crop", "face"]
FRAMINGS: tuple[Framing, ...] = get_args(Framing)

# Of an image in CelebA's frame: the square from the hair line to the chin.
_FACE_SIDE = 0.75  # of the shorter side
_FACE_MIDDLE = 0.54  # of the height

MAX_PIXELS = 80_000_000
"""Images with more pixels are refused before they are decoded (240 MB of RGB)."""

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
_SUFFIXES = (
    "jpg",
    "jpeg",
    "jfif",
    "png",
    "webp",
    "bmp",
    "gif",
    "tif",
    "tiff",
    "ppm",
    "pgm",
    "avif",
)


class ImageError(ValueError):
    """Why an image can't be used: one line without its path, shown to users as it is."""


def is_image_name(name: str) -> bool:
    """Whether a file name looks like an image; hidden files (``._face.jpg``) do not."""
    stem, _, suffix = name.rpartition(".")
    return bool(stem) and not name.startswith(".") and suffix.lower() in _SUFFIXES


def decode(source: Path | bytes | Image.Image, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The upright RGB image in a file, in bytes, or in an image of any mode.

    EXIF orientation is obeyed; transparency is laid on white; 16-bit, integer and float grey
    is scaled to 0..255; CMYK, palette, grey and 1-bit are converted; of several frames the
    first counts. Formats that run programs or are no photos (EPS, PDF, …) are not opened.

    Raises:
        ImageError: the file is missing, empty, damaged, truncated, no image, or has more than
            `max_pixels` pixels. Nothing else is raised for any content.
    """
    return _decoded(source, max_pixels)[0]


def decode_reduced(
    source: Path | bytes | Image.Image, long_side: int, *, max_pixels: int = MAX_PIXELS
) -> tuple[Image.Image, int]:
    """Like `decode`, but a large JPEG comes at 1/2, 1/4 or 1/8 of its size, decoded faster.

    Returns the image, whose longer side is not below `long_side` pixels if the picture's is not,
    and the factor: how many pixels of the picture one of its pixels spans (1: not reduced).

    Raises:
        ImageError: as `decode`.
    """
    return _decoded(source, max_pixels, long_side)


def _decoded(
    source: Path | bytes | Image.Image, max_pixels: int, long_side: int | None = None
) -> tuple[Image.Image, int]:
    if isinstance(source, Path):
        source = _read(source)
    try:
        image = _open(source) if isinstance(source, bytes) else source
        _check_size(image, max_pixels)
        factor = _draft(image, long_side) if isinstance(source, bytes) and long_side else 1
        image.load()
        return _to_rgb(_upright(image)), factor
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError("not an image, or of a kind that is not supported") from error
    except Image.DecompressionBombError as error:
        raise ImageError("too many pixels: looks like a decompression bomb") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged input.
        raise ImageError(f"damaged image: {_one_line(error)}") from error


def to_square(image: Image.Image, size: int, framing: Framing = "stretch") -> np.ndarray:
    """The RGB `image` as uint8 [size, size, 3] in 0..255.

    The filter is Pillow's bicubic, which antialiases when it shrinks. It sees what `framed` keeps;
    around a `face`, whose box lies between pixels, a little more.

    Raises:
        ValueError: the image is not RGB (see `decode`), or the framing is unknown.
    """
    if image.mode != "RGB":
        raise ValueError(f"to_square takes an RGB image, not mode {image.mode!r}: decode it first")
    if framing == "crop":
        image, framing = image.crop(_central_square(image.size)), "stretch"
    box = framed(image.size, framing)
    return np.array(image.resize((size, size), Image.Resampling.BICUBIC, box))


def framed(size: tuple[int, int], framing: Framing) -> tuple[float, float, float, float]:
    """The part of an image of `size` (width, height) that becomes the square.

    `stretch` takes all of it, `crop` the largest central square, `face` the square around the
    face in an image that is aligned as CelebA's are.

    Returns:
        left, top, right, bottom in pixels, inside the image.

    Raises:
        ValueError: the framing is unknown.
    """
    width, height = size
    if framing == "stretch":
        return 0, 0, width, height
    if framing == "crop":
        return _central_square(size)
    if framing == "face":
        side = _FACE_SIDE * min(size)
        left, top = (width - side) / 2, _FACE_MIDDLE * height - side / 2
        return left, top, left + side, top + side
    raise ValueError(f"framing={framing!r}: choose one of {', '.join(FRAMINGS)}")


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ImageError("a folder, not an image")
        if not path.is_file():
            raise ImageError("no such file")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"can't be read: {error.strerror}") from error


def _open(content: bytes) -> Image.Image:
    if not content:
        raise ImageError("empty file (0 bytes)")
    return Image.open(BytesIO(content), formats=_FORMATS)


def _draft(image: Image.Image, long_side: int) -> int:
    """Ask a JPEG's decoder for fewer pixels, the longer side still at least `long_side`."""
    width, height = image.size
    image.draft(None, (long_side, 1) if width >= height else (1, long_side))
    return round(max(width, height) / max(image.size))


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if not width * height:
        raise ImageError("the image has no pixels")
    if width * height > max_pixels:
        raise ImageError(
            f"too large: {width} x {height} pixels, the limit is {max_pixels / 1e6:g} million"
        )


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Broken EXIF says nothing about the pixels, which are fine.
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bit(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey of any depth to 8 bits, its range taken as the smallest usual one that holds it."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0, neginf=0)
    if image.mode.startswith("I;16"):
        top = 65535.0
    else:
        largest = float(values.max())
        usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        top = next((limit for limit in usual if largest <= limit), largest)
    return Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))


def _central_square(size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    side = min(size)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else f"{text[:119]}…"
