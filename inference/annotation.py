"""Pictures with the faces marked."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from inference.classifier import Face

COLOURS = {"woman": "#c2410c", "man": "#1d4ed8", "uncertain": "#52525b"}
"""Colours of the labels, told apart by colour-blind people and readable under white text."""


def annotate(image: Image.Image, faces: Sequence[Face], factor: float = 1.0) -> Image.Image:
    """Return a copy of the RGB `image` with a box and a caption for each face.

    `factor` is how many pixels of the picture, in which the boxes are given, one pixel of `image`
    spans.
    """
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    for face in faces:
        _mark(draw, face, factor)
    return marked


def caption(face: Face) -> str:
    """Return what the model answers, with the probability of that: "2: man 97%", "3: uncertain"."""
    if face.label == "uncertain":
        return f"{face.face + 1}: uncertain"
    share = face.p_man if face.label == "man" else 1 - face.p_man
    return f"{face.face + 1}: {face.label} {share:.0%}"


def _mark(draw: ImageDraw.ImageDraw, face: Face, factor: float) -> None:
    width, height = draw.im.size
    left, top, right, bottom = (x / factor for x in (face.left, face.top, face.right, face.bottom))
    size = max(11.0, min(max(width, height) / 36, (bottom - top) / 2.5))
    colour, line = COLOURS[face.label], max(2, round(size / 8))
    draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=line)
    font = ImageFont.load_default(size)
    text = draw.textbbox((0, 0), caption(face), font, anchor="lt")
    x = max(0.0, min(left, width - text[2] - 2 * line))
    y = top - text[3] - 2 * line  # above the box, below it at the picture's top
    if y < 0:
        y = min(bottom, height - text[3] - 2 * line)
    draw.rectangle((x, y, x + text[2] + 2 * line, y + text[3] + 2 * line), fill=colour)
    draw.text((x + line, y + line), caption(face), "white", font, anchor="lt")
