"""Pictures with the faces marked."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from inference.faces import Box, Face

COLORS = {"woman": "#c2410c", "man": "#1d4ed8", "uncertain": "#52525b"}
"""Colors of the labels, distinct for color-blind people too, and readable under white text."""


def annotate(image: Image.Image, faces: Sequence[Face], factor: float = 1.0) -> Image.Image:
    """Draw a box and a caption for each face.

    Args:
        image: RGB image; it is left as it is.
        faces: Faces, their boxes in pixels of the picture.
        factor: Number of pixels of the picture that one pixel of `image` spans.

    Returns:
        A copy of the image with the faces marked.

    Example:
        >>> face = Face(0, Box(10, 20, 70, 80), p_man=0.97, label="man")
        >>> marked = annotate(Image.new("RGB", (100, 100), "white"), [face])
        >>> "#{:02x}{:02x}{:02x}".format(*marked.getpixel((10, 60))) == COLORS["man"]
        True
    """
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    boxes = [face.box.scaled(1 / factor) for face in faces]
    for part in (_outline, _write):  # no box runs through another face's caption
        for face, box in zip(faces, boxes, strict=True):
            part(draw, face, box)
    return marked


def caption(face: Face) -> str:
    """Return a face's number and label, with the probability of the label.

    Example:
        >>> caption(Face(1, Box(0, 0, 9, 9), p_man=0.03, label="woman"))
        '2: woman 97%'
    """
    if face.label == "uncertain":
        return f"{face.number}: uncertain"
    probability = face.p_man if face.label == "man" else 1 - face.p_man
    return f"{face.number}: {face.label} {probability:.0%}"


def _outline(draw: ImageDraw.ImageDraw, face: Face, box: Box) -> None:
    left, top, right, bottom = box.xyxy
    corners = (left, top, max(left, right), max(top, bottom))
    _, line = _sizes(draw, box)
    draw.rectangle(corners, outline=COLORS[face.label], width=line)


def _write(draw: ImageDraw.ImageDraw, face: Face, box: Box) -> None:
    width, height = draw.im.size
    size, line = _sizes(draw, box)
    font = ImageFont.load_default(size)
    text = draw.textbbox((0, 0), caption(face), font, anchor="lt")
    x = max(0.0, min(box.left, width - text[2] - 2 * line))
    y = box.top - text[3] - 2 * line  # above the box, below it at the picture's top
    if y < 0:
        y = min(box.bottom, height - text[3] - 2 * line)
    corners = (x, y, x + text[2] + 2 * line, y + text[3] + 2 * line)
    draw.rectangle(corners, fill=COLORS[face.label])
    draw.text((x + line, y + line), caption(face), "white", font, anchor="lt")


def _sizes(draw: ImageDraw.ImageDraw, box: Box) -> tuple[float, int]:
    """Return the size of the letters and the width of the lines, in pixels."""
    size = max(11.0, min(max(draw.im.size) / 36, box.height / 2.5))
    return size, max(2, round(size / 8))
