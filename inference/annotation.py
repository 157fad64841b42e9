"""Pictures with the faces marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageColor, ImageDraw, ImageFont

from data import GENDER, Label
from data.labels import UNCERTAIN
from data.messages import one_line
from inference.faces import Box, Face, Prediction

COLORS = {"woman": "#cc450d", "man": "#2563eb", "uncertain": "#71717a"}
"""Colors of gender's classes and of "uncertain"."""

PALETTE = ("#2563eb", "#cc450d", "#b40fb4", "#2d96ff", "#a587b4")
"""Colors of other labels' classes in order, again from the first after the last.

All colors are distinct for color-blind people too, and have a contrast of at least 3 to white and
to `DARKEST`: boxes, bars and tables can use the same ones in the light and in the dark.
"""

HALO = "#ffffff"
"""Color of the lines on both sides of a box, by which it is seen on any picture."""

DARKEST = "#0f172a"
"""Darkest background on which the colors are seen, that of the page's results in the dark."""

CROWD = 6
"""Largest number of faces whose captions leave room to see the picture."""

_LINES = 4  # of a caption
_NAME = 24  # characters of a name in it
_READABLE = 4.5  # least contrast of letters, of WCAG 2
_SMALLEST = 6.0  # pixels of a letter, where a picture is too small for its captions


def caption(face: Face) -> str:
    """Return a face's number and what was decided, with the probability of each class.

    Of several labels there is a line each, at most four, the decided ones first.

    Example:
        >>> box, smiling = Box(0, 0, 9, 9), Label(name="Smiling", classes=("no", "yes"))
        >>> gender = Prediction(GENDER, (0.97, 0.03), "woman")
        >>> caption(Face(1, box, (gender,)))
        '2: woman 97%'
        >>> caption(Face(1, box, (Prediction(smiling, (0.03, 0.97), "yes"),)))
        '2: Smiling: yes 97%'
        >>> print(caption(Face(1, box, (Prediction(smiling, (0.5, 0.5), "uncertain"), gender))))
        2: gender: woman 97%
        Smiling: uncertain
    """
    predictions = sorted(face.predictions, key=lambda one: one.decision == UNCERTAIN)
    lines = [_line(one, is_named=len(predictions) > 1) for one in predictions]
    if len(lines) > _LINES:
        lines[_LINES - 1 :] = [f"{len(lines) - _LINES + 1} more"]
    return f"{face.number}: " + "\n".join(lines)


def tag(face: Face) -> str:
    """Return a face's number alone, for pictures of crowds.

    Example:
        >>> tag(Face(24, Box(0, 0, 9, 9), ()))
        '25'
    """
    return str(face.number)


def annotate(
    image: Image.Image,
    faces: Sequence[Face],
    factor: float = 1.0,
    text: Callable[[Face], str] = caption,
) -> Image.Image:
    """Draw a box and a caption for each face, in the color of the decision on its first label.

    Args:
        image: RGB image; it is left as it is.
        faces: Faces, their boxes in pixels of the picture.
        factor: Number of pixels of the picture that one pixel of `image` spans.
        text: Function that gives a face's caption, `caption` or `tag`.

    Returns:
        A copy of the image with the faces marked.

    Example:
        >>> face = Face(0, Box(10, 20, 70, 80), (Prediction(GENDER, (0.03, 0.97), "man"),))
        >>> marked = annotate(Image.new("RGB", (100, 100), "white"), [face])
        >>> "#{:02x}{:02x}{:02x}".format(*marked.getpixel((10, 60))) == COLORS["man"]
        True
    """
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    boxes = [face.box.scaled(1 / factor) for face in faces]
    for face, box in zip(faces, boxes, strict=True):
        _outline(draw, face_color(face), box)
    for face, box in zip(faces, boxes, strict=True):  # no box runs through another face's caption
        _write(draw, face_color(face), text(face), box)
    return marked


def face_color(face: Face) -> str:
    """Return the color of a face, that of the decision on its first label, as `#rrggbb`."""
    first = face.predictions[0]
    return color_of(first.label, first.decision)


def color_of(label: Label, decision: str) -> str:
    """Return the color of a class, or of "uncertain", as `#rrggbb`.

    Args:
        label: Label that the class is of.
        decision: Name of the class, or "uncertain".

    Example:
        >>> smiling = Label(name="Smiling", classes=("no", "yes"))
        >>> color_of(smiling, "yes") == PALETTE[1], color_of(GENDER, "woman") == COLORS["woman"]
        (True, True)
    """
    if decision not in label.classes:
        return COLORS[UNCERTAIN]
    if set(label.classes) == set(GENDER.classes):
        return COLORS[decision]
    return PALETTE[label.classes.index(decision) % len(PALETTE)]


def text_on(color: str) -> str:
    """Return the color of letters on a color, "white" or "black", the one that is read better.

    Example:
        >>> text_on(COLORS["man"]), text_on(PALETTE[4])
        ('white', 'black')
    """
    return "white" if contrast("#ffffff", color) >= _READABLE else "black"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors, 1..21, as WCAG 2 defines it.

    Args:
        one: A color as `#rrggbb`.
        other: Another color.

    Example:
        >>> contrast("#ffffff", "#000000")
        21.0
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    shares = [value / 255 for value in ImageColor.getrgb(color)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * value for w, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _line(prediction: Prediction, is_named: bool) -> str:
    decision = one_line(prediction.decision, _NAME)
    if prediction.decision != UNCERTAIN:
        decision += f" {prediction.probability:.0%}"
    if is_named or not _speaks(prediction.label):
        return f"{one_line(prediction.label.name, _NAME)}: {decision}"
    return decision


def _speaks(label: Label) -> bool:
    """Whether its classes say what is meant without its name: not "yes", "20-39" or "2"."""
    if {"no", "yes"} & {name.lower() for name in label.classes}:
        return False
    return all(any(map(str.isalpha, name)) for name in label.classes)


def _outline(draw: ImageDraw.ImageDraw, color: str, box: Box) -> None:
    width = _line_width(_letter_size(draw, box))
    halo = max(1, width // 2)
    for inset, line, of in ((-halo, halo, HALO), (width, halo, HALO), (0, width, color)):
        left, top, right, bottom = box.xyxy
        left, top = left + inset, top + inset
        corners = (left, top, max(left, right - inset), max(top, bottom - inset))
        draw.rectangle(corners, outline=of, width=line)


def _write(draw: ImageDraw.ImageDraw, color: str, words: str, box: Box) -> None:
    width, height = draw.im.size
    text = _Text.fitted(draw, words.split("\n"), _letter_size(draw, box))
    x = max(0.0, min(box.left, width - text.width))
    y = box.top - text.height  # above the box, below it at the picture's top
    if y < 0:
        y = max(0.0, min(box.bottom, height - text.height))
    draw.rectangle((x, y, x + text.width, y + text.height), fill=color)
    text.write(x, y, text_on(color))


@dataclass(frozen=True)
class _Text:
    """Lines in a font, with a margin around them; sizes in pixels."""

    draw: ImageDraw.ImageDraw
    lines: Sequence[str]
    size: float

    @classmethod
    def fitted(cls, draw: ImageDraw.ImageDraw, lines: Sequence[str], size: float) -> "_Text":
        """Make the letters smaller, if need be, until the lines fit into the picture."""
        text = cls(draw, lines, size)
        width, height = draw.im.size
        while size > _SMALLEST and (text.width > width or text.height > height):
            size = max(_SMALLEST, 0.9 * size)
            text = cls(draw, lines, size)
        return text

    @property
    def font(self) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return _font(self.size)

    @property
    def margin(self) -> int:
        return _line_width(self.size)

    @property
    def width(self) -> float:
        return max(box[2] for box in self._boxes()) + 2 * self.margin

    @property
    def height(self) -> float:
        return sum(box[3] + self.margin for box in self._boxes()) + self.margin

    def write(self, x: float, y: float, color: str) -> None:
        for line, box in zip(self.lines, self._boxes(), strict=True):
            self.draw.text((x + self.margin, y + self.margin), line, color, self.font, "lt")
            y += box[3] + self.margin

    def _boxes(self) -> list[tuple[float, float, float, float]]:
        font = self.font
        return [self.draw.textbbox((0, 0), line, font, "lt") for line in self.lines]


@lru_cache(maxsize=32)  # of a video, most frames need the same; to load one takes milliseconds
def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _letter_size(draw: ImageDraw.ImageDraw, box: Box) -> float:
    return max(11.0, min(max(draw.im.size) / 36, box.height / 2.5))


def _line_width(letter_size: float) -> int:
    return max(2, round(letter_size / 8))
