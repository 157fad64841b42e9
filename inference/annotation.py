"""Pictures with the faces marked."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from inference.classifier import Face

COLOURS = {"woman": "#c2410c", "man": "#1d4ed8", "uncertain": "#52525b"}
"""Colours of the labels, told apart by colour-blind people and readable under white text."""

_Box = tuple[float, float, float, float]  # left, top, right, bottom


def annotate(image: Image.Image, faces: Sequence[Face], factor: float = 1.0) -> Image.Image:
    """Return a copy of the RGB `image` with a box and a caption for each face.

    `factor` is how many pixels of the picture, in which the boxes are given, one pixel of `image`
    spans.
    """
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    boxes = [
        (face.left / factor, face.top / factor, face.right / factor, face.bottom / factor)
        for face in faces
    ]
    for part in (_outline, _write):  # no box runs through another face's caption
        for face, box in zip(faces, boxes, strict=True):
            part(draw, face, box)
    return marked


def caption(face: Face) -> str:
    """Return what the model answers, with the probability of that: "2: man 97%", "3: uncertain"."""
    if face.label == "uncertain":
        return f"{face.face + 1}: uncertain"
    share = face.p_man if face.label == "man" else 1 - face.p_man
    return f"{face.face + 1}: {face.label} {share:.0%}"


def _outline(draw: ImageDraw.ImageDraw, face: Face, box: _Box) -> None:
    left, top, right, bottom = box
    corners = (left, top, max(left, right), max(top, bottom))
    _, line = _sizes(draw, box)
    draw.rectangle(corners, outline=COLOURS[face.label], width=line)


def _write(draw: ImageDraw.ImageDraw, face: Face, box: _Box) -> None:
    width, height = draw.im.size
    left, top, _, bottom = box
    size, line = _sizes(draw, box)
    font = ImageFont.load_default(size)
    text = draw.textbbox((0, 0), caption(face), font, anchor="lt")
    x = max(0.0, min(left, width - text[2] - 2 * line))
    y = top - text[3] - 2 * line  # above the box, below it at the picture's top
    if y < 0:
        y = min(bottom, height - text[3] - 2 * line)
    corners = (x, y, x + text[2] + 2 * line, y + text[3] + 2 * line)
    draw.rectangle(corners, fill=COLOURS[face.label])
    draw.text((x + line, y + line), caption(face), "white", font, anchor="lt")


def _sizes(draw: ImageDraw.ImageDraw, box: _Box) -> tuple[float, int]:
    """Return the size of the letters and the width of the lines, in pixels."""
    size = max(11.0, min(max(draw.im.size) / 36, (box[3] - box[1]) / 2.5))
    return size, max(2, round(size / 8))
