"""Explained faces below a picture: each face as the model saw it, under its heat map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from inference.explanation.explainer import Explanation
from inference.explanation.heat_map import CAVEAT, legend_bar

_SMALLEST, _LARGEST = 200, 420  # pixels of a panel's side


def with_panels(image: Image.Image, explanations: Sequence[Explanation]) -> Image.Image:
    """Put the explained faces below a picture, numbered as on it, with a legend.

    Args:
        image: RGB image, on which the faces are marked.
        explanations: Explanations of its faces, from left to right.

    Returns:
        A higher image, and a wider one where the picture is narrower than a panel; the image
        itself if there are no explanations.

    Example:
        >>> import numpy as np
        >>> from data import GENDER
        >>> from inference.explanation.heat_map import HeatMap
        >>> from inference.faces import Box, Face, Prediction
        >>> said = Prediction(GENDER, (0.1, 0.9), "man")
        >>> face, heat = Face(0, Box(0, 0, 9, 9), (said,)), HeatMap(np.eye(4), "occlusion", 0.6)
        >>> why = Explanation(face, said, heat, np.zeros((32, 32, 3), np.uint8))
        >>> with_panels(Image.new("RGB", (600, 400)), [why]).width
        600
    """
    if not explanations:
        return image
    return _Strip(image, explanations).drawn()


@dataclass(frozen=True)
class _Strip:
    image: Image.Image
    explanations: Sequence[Explanation]

    def drawn(self) -> Image.Image:
        """Draw the picture with the strip below it."""
        rows = -(-len(self.explanations) // self.columns)
        legend = self._wrapped(self.width - 2 * self.gap, *self._legend())
        height = rows * self.row_height + self.line * len(legend) + 3 * self.gap + self.bar
        canvas = Image.new("RGB", (self.width, self.image.height + height), "white")
        canvas.paste(self.image)
        for number, explanation in enumerate(self.explanations):
            row, column = divmod(number, self.columns)
            x = self.gap + column * (self.side + self.gap)
            self._panel(canvas, explanation, x, self.image.height + row * self.row_height)
        y = self.image.height + rows * self.row_height + self.gap
        canvas.paste(legend_bar(self.side, self.bar), (self.gap, y))
        self._write(canvas, legend, self.gap, y + self.bar + self.gap)
        return canvas

    @property
    def side(self) -> int:
        return max(_SMALLEST, min(_LARGEST, max(self.image.size) // 6))

    @property
    def width(self) -> int:
        return max(self.image.width, self.side + 2 * self.gap)

    @property
    def columns(self) -> int:
        return max(1, (self.width - self.gap) // (self.side + self.gap))

    @property
    def gap(self) -> int:
        return self.side // 16

    @property
    def bar(self) -> int:
        return self.side // 16

    @property
    def line(self) -> int:
        return round(1.35 * self.letter)

    @property
    def letter(self) -> float:
        return self.side / 15

    @property
    def row_height(self) -> int:
        return self.gap + self.side + 4 * self.line

    def _panel(self, canvas: Image.Image, explanation: Explanation, x: int, y: int) -> None:
        canvas.paste(explanation.heat_map.over(explanation.pixels, self.side), (x, y + self.gap))
        words = f"{explanation.face.number}: {explanation.question}", explanation.finding
        lines = self._wrapped(self.side, *words)[:4]
        self._write(canvas, lines, x, y + self.gap + self.side + self.line // 4)

    def _legend(self) -> Iterator[str]:
        yield f"none to most: {CAVEAT}"
        yield from dict.fromkeys(explanation.method for explanation in self.explanations)

    def _write(self, canvas: Image.Image, lines: Sequence[str], x: int, y: int) -> None:
        draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(self.letter)
        for number, line in enumerate(lines):
            draw.text((x, y + number * self.line), line, "#24292f", font)

    def _wrapped(self, width: int, *paragraphs: str) -> list[str]:
        """Break paragraphs between words, so that lines fit into so many pixels."""
        lines = []
        for paragraph in paragraphs:
            first, *words = paragraph.split()
            lines.append(first)
            for word in words:
                if self._length(f"{lines[-1]} {word}") <= width:
                    lines[-1] += f" {word}"
                else:
                    lines.append(word)
        return lines

    def _length(self, text: str) -> float:
        box = ImageFont.load_default(self.letter).getbbox(text)
        return box[2]
