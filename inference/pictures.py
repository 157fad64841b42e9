"""What a picture may be given as, and what the decoder takes."""

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from data import ImageError
from data.images import MAX_BYTES

Source = Path | bytes | Image.Image
"""What `data.decode` takes."""


class BinaryFile(Protocol):
    """An open file, or anything else with `read`, that gives bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes."""


Picture = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryFile
    | Image.Image
    | np.ndarray[Any, Any]
)
"""A picture in any of the ways in which `Classifier.predict` takes one."""


def to_source(picture: Picture) -> Source:
    """Return a picture as what the decoder takes, its pixels untouched.

    Args:
        picture: Path, encoded bytes, binary file, PIL image, or uint8 RGB array
            [height, width, 3]. A file is read from where it stands to its end.

    Raises:
        TypeError: The picture is anything else.
        ValueError: The array has another shape or dtype.
        ImageError: The file has more than `data.images.MAX_BYTES` bytes.

    Example:
        >>> import numpy as np
        >>> to_source("photo.jpg").name
        'photo.jpg'
        >>> to_source(np.zeros((2, 3, 3), np.uint8)).size
        (3, 2)
        >>> to_source(3)
        Traceback (most recent call last):
        TypeError: a picture is a path, bytes, a binary file, a PIL image or an array, not int
    """
    if isinstance(picture, (bytes, Image.Image)):
        return picture
    if isinstance(picture, (str, os.PathLike)):
        return Path(picture)
    if isinstance(picture, (bytearray, memoryview)):
        return bytes(picture)
    if isinstance(picture, np.ndarray):
        return _from_array(picture)
    if callable(getattr(picture, "read", None)):
        return _from_file(picture)
    raise TypeError(
        "a picture is a path, bytes, a binary file, a PIL image or an array, not "
        f"{type(picture).__name__}"
    )


def _from_array(pixels: np.ndarray) -> Image.Image:
    shape = pixels.shape
    if pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(
            f"an array must be uint8 RGB [height, width, 3], not {pixels.dtype} {list(shape)}"
        )
    return Image.fromarray(pixels)


def _from_file(file: BinaryFile) -> bytes:
    content = file.read(MAX_BYTES + 1)
    if not isinstance(content, bytes):
        raise TypeError(f"a file must be opened in binary mode: it gave {type(content).__name__}")
    if len(content) > MAX_BYTES:
        raise ImageError(f"too large: the limit is {MAX_BYTES / 1e6:g} MB")
    return content
