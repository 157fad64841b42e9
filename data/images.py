"""Decoding and squaring of images, the same pixels in training and in serving.

Pillow and NumPy alone. Whatever a file holds, the result is an RGB image or an `ImageError`.
"""

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import AvifImagePlugin, ExifTags, Image, ImageOps, UnidentifiedImageError

from data.decoding_room import DecodingRoom
from data.messages import one_line

Framing = Literal["stretch", "crop", "face"]
"""The part of an image that becomes the square that a classifier sees, see `framed`."""

FRAMINGS: tuple[Framing, ...] = get_args(Framing)

FramingChoice = Literal["stretch", "crop", "face", "detect"]
"""What a user may choose: "detect" is "face" of images whose faces are found and aligned first, and
of no others."""

# Of an image in CelebA's frame: the square from the hair line to the chin.
_FACE_SIDE = 0.75  # of the shorter side
_FACE_MIDDLE = 0.54  # of the height

MAX_PIXELS = 80_000_000
"""Images with more pixels are refused before they are decoded (240 MB of RGB)."""

MAX_BYTES = 500_000_000
"""Files with more bytes are refused before they are read: 80 million pixels of 48 bits."""

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
_SUFFIXES = frozenset(
    (
        *("jpg", "jpeg", "jpe", "jfif", "jif", "mpo", "png", "apng", "webp", "bmp", "gif"),
        *("tif", "tiff", "ppm", "pgm", "pbm", "pnm", "avif"),
    )
)
_SAVED_AS = re.compile("[_-](large|orig|medium|small)$")
"""What web sites append to the suffix of a picture in several sizes: `photo.jpg_large`."""

_HEIF_SUFFIXES = frozenset(("heic", "heif", "hif"))
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_RAW_SUFFIXES = frozenset(
    (
        *("dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "orf", "rw2", "raf", "srw"),
        *("pef", "x3f", "3fr", "iiq"),
    )
)
_DNG_VERSION = 50706  # a TIFF with this tag is a camera's raw file with a small preview in front

_ROOM_BYTES = 1_500_000_000
_ROOM = DecodingRoom(_ROOM_BYTES)
_BYTES_A_PIXEL = 16  # at the peak: decoded, turned and converted
_BYTES_A_JPEG_PIXEL = 8
_STRIP = 1_000_000  # pixels that are converted at a time

# Blocks above 32 MB go back to the system when they are freed. Smaller ones stay with the thread
# that had them: of 80 megapixels 300 MB, in each of sixteen threads.
Image.core.set_block_size(64 * 1024 * 1024)

AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # several pictures at a time, not several threads a picture


class ImageError(ValueError):
    """An image cannot be used; the message is one line for the user, without the path."""


class NoFaceError(ImageError):
    """An image is sound, but shows no face that can be used."""


def is_image_name(name: str) -> bool:
    """Tell by a file's name whether it is an image; hidden files (``._face.jpg``) are not.

    Args:
        name: Name of the file, without the folders above it.

    Example:
        >>> is_image_name("face.JPG"), is_image_name("._face.jpg"), is_image_name("notes.txt")
        (True, False, False)
    """
    stem, _, suffix = name.rpartition(".")
    if not stem or name.startswith("."):
        return False
    suffix = _SAVED_AS.sub("", suffix.lower())
    return suffix in _SUFFIXES or (suffix in _HEIF_SUFFIXES and reads_heif())


@cache
def reads_heif() -> bool:
    """Whether the package that reads HEIC and HEIF files is installed."""
    return find_spec("pillow_heif") is not None


def readable_kinds() -> str:
    """Name the kinds of pictures that are decoded here, for people.

    >>> readable_kinds().split(", ")[:3]
    ['JPEG', 'PNG', 'WebP']
    """
    names = ["JPEG", "PNG", "WebP", "AVIF", "GIF", "BMP", "TIFF", "PPM"]
    return ", ".join([*names, *["HEIC"] * reads_heif()])


def how_to_read(kind: str) -> str:
    """What to do about pictures with a suffix that `is_image_name` does not know.

    >>> how_to_read("dng")
    'convert them to JPEG first'
    """
    if kind in _HEIF_SUFFIXES:
        return "install the package pillow-heif to read them"
    return "convert them to JPEG first"


@contextmanager
def room_to_decode(source: Path | bytes) -> Iterator[None]:
    """Wait until a picture can be decoded within the memory for all threads.

    Hold it for as long as the decoded picture is held, and take it once in a thread at a time.

    Args:
        source: The file or its bytes; what is missing or no image needs no room.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "face.png")
        >>> Image.new("RGB", (40, 30)).save(path)
        >>> with room_to_decode(path):
        ...     square = to_square(decode(path), size=8)
        >>> square.shape
        (8, 8, 3)
    """
    with _ROOM.taken(_bytes_to_decode(source)):
        yield


def share_room(processes: int) -> None:
    """Leave this process its part of the memory for decoding where several decode at once.

    Args:
        processes: Number of processes that share it.

    Example:
        >>> share_room(1)
    """
    global _ROOM
    _ROOM = DecodingRoom(_ROOM_BYTES // processes)


def _bytes_to_decode(source: Path | bytes) -> int:
    """An upper bound; what cannot be opened or is too large is refused later, at no cost."""
    size = 0
    try:
        size = len(source) if isinstance(source, bytes) else _regular_size(source)
        if size > MAX_BYTES:
            return 0
        with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
            formats = _formats(stream.read(32))
            stream.seek(0)
            image = Image.open(stream, formats=formats)
            pixels = image.width * image.height
    except Exception:  # `decode` says what is wrong with it
        return size
    if pixels > MAX_PIXELS:
        return size
    return size + pixels * (_BYTES_A_JPEG_PIXEL if _is_jpeg(image) else _BYTES_A_PIXEL)


def _regular_size(path: Path) -> int:
    """Return the bytes of a file. Raises OSError where it is none, such as a pipe."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError
    return status.st_size


def decode(source: Path | bytes | Image.Image, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode an image of any format and mode to upright RGB.

    EXIF orientation is obeyed; transparency is laid on white; 16-bit, integer and float gray
    is scaled to 0..255; CMYK, palette, gray and 1-bit are converted; of several frames the
    first counts. Formats that run programs or are no photos (EPS, PDF, …) are not opened.

    Args:
        source: Path of a file, its bytes, or an image that is open already.
        max_pixels: Largest number of pixels to decode.

    Returns:
        The image, mode RGB.

    Raises:
        ImageError: The file is missing, empty, damaged, truncated, no image, or has more than
            `max_pixels` pixels or `MAX_BYTES` bytes. Nothing else is raised for any content.

    Example:
        >>> image = decode(Image.new("CMYK", (40, 30)))
        >>> image.mode, image.size
        ('RGB', (40, 30))
        >>> decode(b"text")
        Traceback (most recent call last):
            ...
        data.images.ImageError: not an image, or of a kind that is not supported
    """
    return _decoded(source, max_pixels)[0]


def decode_reduced(
    source: Path | bytes | Image.Image, long_side: int, *, max_pixels: int = MAX_PIXELS
) -> tuple[Image.Image, int]:
    """Decode like `decode`, but a large JPEG at 1/2, 1/4 or 1/8 of its size, which is faster.

    Args:
        source: Path of a file, its bytes, or an image that is open already and is not reduced.
        long_side: Number of pixels that the longer side keeps if it has as many.
        max_pixels: Largest number of pixels of a picture, before it is reduced.

    Returns:
        The image, mode RGB, and the factor: how many pixels of the picture one of its pixels
        spans (1: not reduced).

    Raises:
        ImageError: As for `decode`.

    Example:
        >>> jpeg = BytesIO()
        >>> Image.new("RGB", (800, 600)).save(jpeg, "JPEG")
        >>> image, factor = decode_reduced(jpeg.getvalue(), long_side=200)
        >>> image.size, factor
        ((200, 150), 4)
    """
    return _decoded(source, max_pixels, long_side)


def _decoded(
    source: Path | bytes | Image.Image, max_pixels: int, long_side: int | None = None
) -> tuple[Image.Image, int]:
    if isinstance(source, Path):
        source = read_bytes(source)
    opened = isinstance(source, bytes)
    try:
        image = _open(source) if isinstance(source, bytes) else source
        _check_size(image, max_pixels)
        factor = _draft(image, long_side) if opened and long_side else 1
        image.load()
        return _to_rgb(_upright(image, in_place=opened)), factor
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError("not enough memory to decode it") from error
    except UnidentifiedImageError as error:
        raise ImageError("not an image, or of a kind that is not supported") from error
    except Image.DecompressionBombError as error:
        raise ImageError("too many pixels: looks like a decompression bomb") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged input.
        raise ImageError(f"damaged image: {one_line(error, 120)}") from error


def upright_size(path: Path) -> tuple[int, int]:
    """Return the size of the image that `decode` gives, from a JPEG's header alone.

    Files of other formats are decoded.

    Args:
        path: A file that is known to be readable: what follows a JPEG's header is not looked at.

    Returns:
        Width and height in pixels, after a turn by EXIF.

    Raises:
        ImageError: as `decode`, but not for a JPEG that is damaged behind its header.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "face.jpg")
        >>> exif = Image.Exif()
        >>> exif[ExifTags.Base.Orientation] = 6  # lies on its side
        >>> Image.new("RGB", (40, 30)).save(path, exif=exif)
        >>> upright_size(path)
        (30, 40)
    """
    try:
        with Image.open(path, formats=("JPEG",)) as image:
            lies_on_its_side = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
            return image.size[::-1] if lies_on_its_side else image.size
    except Exception:  # another format, or broken EXIF
        with room_to_decode(path):
            return decode(path).size


def to_square(image: Image.Image, size: int, framing: Framing = "stretch") -> np.ndarray:
    """Resize an image to the square that a classifier sees.

    The filter is Pillow's bicubic, which antialiases when it shrinks. It sees what `framed` keeps;
    around a "face", whose box lies between pixels, a little more.

    Args:
        image: An image of mode RGB, as `decode` gives it.
        size: Side of the square in pixels.
        framing: The part of the image to keep.

    Returns:
        RGB in 0..255, uint8 [size, size, 3].

    Raises:
        ValueError: The image is not RGB, or the framing is unknown.

    Example:
        >>> to_square(Image.new("RGB", (178, 218), "red"), 2, "face").tolist()
        [[[255, 0, 0], [255, 0, 0]], [[255, 0, 0], [255, 0, 0]]]
    """
    if image.mode != "RGB":
        raise ValueError(f"to_square takes an RGB image, not mode {image.mode!r}: decode it first")
    if framing == "crop":
        image, framing = image.crop(_central_square(image.size)), "stretch"
    box = framed(image.size, framing)
    return np.array(image.resize((size, size), Image.Resampling.BICUBIC, box))


def framed(size: tuple[int, int], framing: Framing) -> tuple[float, float, float, float]:
    """Return the part of an image that becomes the square that a classifier sees.

    Args:
        size: Width and height of the image in pixels.
        framing: "stretch" for all of it, "crop" for the largest central square, "face" for the
            square around the face in an image that is aligned as CelebA's are.

    Returns:
        Left, top, right and bottom in pixels, inside the image.

    Raises:
        ValueError: The framing is unknown.

    Example:
        >>> framed((178, 218), "crop")
        (0, 20, 178, 198)
        >>> framed((178, 218), "face")
        (22.25, 50.97, 155.75, 184.47)
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


def read_bytes(path: Path) -> bytes:
    """Read an image file.

    Raises:
        ImageError: It is missing, no plain file, a camera's raw file, cannot be read, or has more
            than `MAX_BYTES` bytes.

    Example:
        >>> read_bytes(Path("missing.jpg"))
        Traceback (most recent call last):
            ...
        data.images.ImageError: no such file
    """
    try:
        return _content(path)
    except ImageError:
        raise
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in it
        raise ImageError("no such file") from error
    except OSError as error:
        raise ImageError(f"can't be read: {error.strerror}") from error
    except MemoryError as error:
        raise ImageError("not enough memory to read it") from error


def _content(path: Path) -> bytes:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ImageError("a folder, not an image")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("a device or a pipe, not a file")
    if path.suffix[1:].lower() in _RAW_SUFFIXES:
        raise ImageError("a camera's raw file: convert it to JPEG first")
    if status.st_size > MAX_BYTES:
        size = f"{status.st_size / 1e6:.0f} MB"
        raise ImageError(f"too large: {size}, the limit is {MAX_BYTES / 1e6:g} MB")
    with path.open("rb") as stream:
        return stream.read(status.st_size)  # not more, should it have grown


def _open(content: bytes) -> Image.Image:
    if not content:
        raise ImageError("empty file (0 bytes)")
    image = Image.open(BytesIO(content), formats=_formats(content[:32]))
    if image.format == "TIFF" and _DNG_VERSION in getattr(image, "tag_v2", ()):
        raise ImageError("a camera's raw file: convert it to JPEG first")
    return image


def _formats(start: bytes) -> tuple[str, ...]:
    """Formats that a file which starts so may have."""
    if start[4:8] != b"ftyp" or start[8:12] not in _HEIF_BRANDS or b"avif" in start:
        return _FORMATS
    if not reads_heif():
        raise ImageError("a HEIC picture: install the package pillow-heif to read it")
    _register_heif()
    return ("HEIF",)


@cache
def _register_heif() -> None:
    import_module("pillow_heif").register_heif_opener(decode_threads=1)


def _is_jpeg(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO")


def _draft(image: Image.Image, long_side: int) -> int:
    """Ask a JPEG's decoder for fewer pixels, the longer side still at least `long_side`."""
    if not _is_jpeg(image):
        return 1
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


def _upright(image: Image.Image, in_place: bool) -> Image.Image:
    """Turn by EXIF; `in_place` saves the memory of a copy."""
    try:
        if not in_place:
            return ImageOps.exif_transpose(image)
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # Broken EXIF says nothing about the pixels, which are fine.
        pass
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bit(image).convert("RGB")
    if image.has_transparency_data:
        return _by_strips(image, _on_white)
    return image.convert("RGB")


def _by_strips(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert a strip of rows after the other: what lies between takes little memory."""
    width, height = image.size
    rows = max(1, _STRIP // width)
    if rows >= height:
        return convert(image)
    whole = Image.new("RGB", image.size)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        whole.paste(convert(strip), (0, top))
    return whole


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Gray of any depth to 8 bits, its range taken as the smallest usual one that holds it."""
    values = np.asarray(image).astype(np.float32)
    np.nan_to_num(values, copy=False, posinf=0, neginf=0)
    if image.mode.startswith("I;16"):
        top = 65535.0
    else:
        largest = float(values.max())
        usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
        top = next((limit for limit in usual if largest <= limit), largest)
    np.clip(values, 0, top, out=values)
    values *= 255 / top
    return Image.fromarray(np.rint(values, out=values).astype(np.uint8))


def _central_square(size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    side = min(size)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side
