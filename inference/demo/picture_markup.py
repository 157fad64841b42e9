"""The HTML of a visitor's picture: with its faces marked, and thumbnails of them.

Boxes and captions lie over the picture, so that they are sharp and of one size on any screen. The
pictures lie nowhere but in the page.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Self

from PIL import Image

from data.images import decode_reduced, room_to_decode
from inference.annotation import CROWD, caption, face_color, text_on
from inference.faces import Box, Face

_DETAILED = 1800  # pixels of the longer side from which thumbnails are cut
_LONG_SIDE = 900  # pixels of the marked picture
_THUMBNAIL = 112  # pixels, twice as many as on the screen
_AROUND = 1.35  # sides of a face's box that its thumbnail shows
_CAPTION = (0.2, 0.08)  # a caption's width and height, as shares of the picture's
_NUMBER = (0.05, 0.06)
_NEAR_RIGHT = 0.6  # of the picture: where a caption would leave it


def data_link(kind: str, content: bytes) -> str:
    """Return a link to something that lies nowhere but in the page.

    Example:
        >>> data_link("text/plain", b"hi")
        'data:text/plain;base64,aGk='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def colors(color: str) -> str:
    """Return a color, and that of letters on it, as variables for the page's style.

    Example:
        >>> colors("#2563eb")
        '--color:#2563eb;--letters:white'
    """
    return f"--color:{color};--letters:{text_on(color)}"


@dataclass(frozen=True)
class ShownPicture:
    """A picture that is decoded once for all that is shown of it.

    Attributes:
        image: RGB image.
        factor: Number of pixels of the picture that one pixel of the image spans.

    Example:
        >>> picture = ShownPicture(Image.new("RGB", (60, 40)), 1)
        >>> picture.marked([])[:56]
        '<figure class="marked"><img src="data:image/jpeg;base64,'
    """

    image: Image.Image
    factor: int

    @classmethod
    def read(cls, picture: Path) -> Self:
        """Decode a picture.

        Args:
            picture: Path of the picture.

        Raises:
            data.ImageError: It cannot be read.
        """
        with room_to_decode(picture):
            return cls(*decode_reduced(picture, _DETAILED))

    def marked(self, faces: Sequence[Face], long_side: int = _LONG_SIDE, alt: str = "") -> str:
        """Write the picture with a box, a number and what was decided for each face.

        Captions are of the first label: more would hide the faces. In a crowd, they are numbers.

        Args:
            faces: Faces in the picture.
            long_side: Largest number of pixels of its longer side.
            alt: What is said in the picture's place, as plain text.

        Returns:
            HTML.
        """
        image = self.image.copy()
        image.thumbnail((long_side, long_side))
        boxes = "".join(self._box(face, faces) for face in faces)
        kind = "marked crowded" if len(faces) > CROWD else "marked"
        return (
            f'<figure class="{kind}"><img src="{_jpeg_link(image)}" alt="{escape(alt)}">'
            f"{boxes}</figure>"
        )

    def thumbnail(self, face: Face) -> str:
        """Write a face, cut out with a little around it; its number stands beside it."""
        box = face.box.scaled(1 / self.factor)
        side = min(max(8.0, _AROUND * max(box.width, box.height)), *self.image.size)
        x, y = (
            min(max(middle - side / 2, 0), whole - side)  # inside the picture
            for middle, whole in zip(box.middle, self.image.size, strict=True)
        )
        size, around = (_THUMBNAIL, _THUMBNAIL), (x, y, x + side, y + side)
        cut = self.image.resize(size, Image.Resampling.BICUBIC, around)
        return f'<img class="thumbnail" src="{_jpeg_link(cut)}" alt="">'

    def _share(self, box: Box) -> Box:
        """Return a box in shares of the picture's width and height."""
        width, height = (side * self.factor for side in self.image.size)
        return Box(box.left / width, box.top / height, box.right / width, box.bottom / height)

    def _box(self, face: Face, faces: Sequence[Face]) -> str:
        box = self._share(face.box)
        others = [self._share(other.box) for other in faces if other is not face]
        place = (
            f"left:{box.left:.2%};top:{box.top:.2%};width:{box.width:.2%};height:{box.height:.2%}"
        )
        kinds = ["box", *_caption_kinds(box, others)]
        first = replace(face, predictions=face.predictions[:1])
        number, _, words = caption(first).partition(": ")
        return (
            f'<span class="{" ".join(kinds)}" style="{place};{colors(face_color(face))}" '
            f'aria-hidden="true"><b>{number}<span class="words"> <bdi>{escape(words)}</bdi></span>'
            "</b></span>"
        )


def _caption_kinds(box: Box, others: Sequence[Box]) -> list[str]:
    """Say where a caption goes: above its box unless it would leave the picture or hide a face."""
    width, height = _NUMBER if len(others) >= CROWD else _CAPTION
    right = box.left > _NEAR_RIGHT
    x = box.right - width if right else box.left
    above = Box(x, box.top - height, x + width, box.top)
    below = Box(x, box.bottom, x + width, box.bottom + height)
    hides = [any(one.overlaps(other) for other in others) for one in (above, below)]
    low = above.top < 0 or (hides[0] and not hides[1] and below.bottom <= 1)
    return ["low"] * low + ["right"] * right


def _jpeg_link(image: Image.Image) -> str:
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=85)
    return data_link("image/jpeg", jpeg.getvalue())
