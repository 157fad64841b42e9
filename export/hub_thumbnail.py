"""The picture of a pushed bundle: drawn figures and a drawn face, no photo of a person."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from inference.bundle import BundleInfo, LabelInfo

SIZE = (1200, 648)

_PAPER, _INK, _GRAY, _GREEN, _LINE = "#fbfaf6", "#22302b", "#5d6b65", "#1f7a5c", "#cfd6d0"
_SKIN, _HAIR = "#e5b995", "#4a3629"
_LEFT, _RIGHT = 470, 1140  # of the text
_MOST_LABELS = 4


def draw(info: BundleInfo, path: Path) -> None:
    """Write the picture as PNG; the same facts give the same bytes.

    Args:
        info: Facts of the bundle.
        path: Path of the file.

    Raises:
        OSError: It cannot be written.

    Example:
        >>> import tempfile
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     labels=[{"name": "Smiling", "classes": ("no", "yes"), "output": "p_Smiling"}],
        ...     input={"size": 96, "framing": "face"},
        ...     data={"name": "CelebA", "fingerprint": "0a1b"},
        ...     weights={"source": "imagenet"},
        ... )
        >>> path = Path(tempfile.mkdtemp(), "thumbnail.png")
        >>> draw(info, path)
        >>> Image.open(path).size
        (1200, 648)
    """
    image = Image.new("RGB", SIZE, _PAPER)
    pen = ImageDraw.Draw(image)
    _face(pen)
    _text(pen, 74, info.backbone, 64, _INK)
    _text(pen, 152, _subtitle(info), 30, _GRAY)
    _text(pen, 218, f"accuracy on the test images of {info.data.name}", 24, _GRAY)
    for index, label in enumerate(info.labels[:_MOST_LABELS]):
        _label(pen, 268 + index * 74, label)
    _text(pen, 574, _foot(info), 26, _GRAY)
    image.save(path, "PNG")


def _subtitle(info: BundleInfo) -> str:
    if info.synthetic:
        return "trained on drawn portraits: do not use it on people"
    names = [label.name.replace("_", " ") for label in info.labels]
    more = f" and {len(names) - _MOST_LABELS} more" if len(names) > _MOST_LABELS else ""
    return f"{', '.join(names[:_MOST_LABELS])}{more}, as annotators perceived it"


def _foot(info: BundleInfo) -> str:
    parts = [
        f"{title} {info.formats[form].bytes / 1e6:.1f} MB"
        for form, title in (("fp32", "ONNX fp32"), ("int8", "INT8"))
        if form in info.formats
    ]
    return "   ".join([*parts, f"input {info.input.size} px"])


def _label(pen: ImageDraw.ImageDraw, top: int, label: LabelInfo) -> None:
    """A label's accuracy on the test images from 0 to 100 %, with its interval."""
    accuracy, interval = label.metrics.test_accuracy, label.metrics.test_accuracy_interval
    _text(pen, top, label.name.replace("_", " "), 28, _INK, right=_LEFT + 230)
    left, right, middle = _LEFT + 250, _RIGHT - 120, top + 18
    pen.rounded_rectangle((left, middle - 9, right, middle + 9), 9, fill=_LINE)
    if accuracy is None:
        return
    width = right - left
    end = left + max(18, round(width * accuracy))
    pen.rounded_rectangle((left, middle - 9, end, middle + 9), 9, fill=_GREEN)
    for share in interval or ():
        x = left + round(width * share)
        pen.line((x, middle - 17, x, middle + 17), _INK, 3)
    pen.text((_RIGHT, top), f"{100 * accuracy:.1f} %", _INK, _font(28), "ra")
    if interval:
        said = f"95 % interval {100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"
        pen.text((left, middle + 20), said, _GRAY, _font(19))


def _face(pen: ImageDraw.ImageDraw) -> None:
    """A schematic face, and the box that a detector would put around it."""
    pen.ellipse((112, 120, 368, 420), fill=_HAIR)
    pen.rounded_rectangle((196, 400, 284, 500), 30, fill="#d3a37d")
    pen.ellipse((60, 470, 420, 760), fill=_GREEN)
    pen.ellipse((136, 160, 344, 446), fill=_SKIN)
    pen.pieslice((128, 128, 352, 380), 190, 350, fill=_HAIR)
    for x in (196, 284):
        pen.ellipse((x - 12, 286, x + 12, 310), fill=_INK)
        pen.arc((x - 26, 256, x + 26, 292), 205, 335, _HAIR, 7)
    pen.line((240, 306, 232, 346, 246, 348), "#b98a66", 6, joint="curve")
    pen.arc((200, 336, 280, 398), 25, 155, "#9a4a42", 8)
    pen.rectangle((96, 108, 384, 466), outline=_GREEN, width=5)


def _text(
    pen: ImageDraw.ImageDraw, top: int, text: str, size: int, color: str, right: int = _RIGHT
) -> None:
    """Write a line, cut where it does not fit."""
    font = _font(size)
    while len(text) > 1 and pen.textlength(text, font) > right - _LEFT:
        text = f"{text.rstrip('…')[:-1]}…"
    pen.text((_LEFT, top), text, color, font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
