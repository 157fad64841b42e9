"""The heat map of a face, and how it is drawn: colors on what the model saw, in gray.

It imports nothing but NumPy and Pillow, so that training draws its maps in the same way.
"""

from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from PIL import Image

CAVEAT = "what the prediction rests on; not a proof"
"""The legend's words, wherever a map is shown."""

Method = Literal["class activation map", "occlusion"]

LEAST_PEAK = 0.1
"""Smallest peak, in log-odds, of a map that says something: 50 % become 47.5 %."""

# Every fourth of viridis (van der Walt and Smith, CC0): lighter and lighter in any kind of color
# blindness, and no color in which boxes show a class.
_RAMP = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float32
)
_STRONGEST = 0.62  # opacity at the peak: the face stays visible
_FACE = (30, 200)  # gray levels of the face below


@dataclass(frozen=True)
class HeatMap:
    """What each spot of a face adds to the log-odds of a class.

    Attributes:
        values: float32 [rows, columns] over the square that the model saw: log-odds of the class
            that rest on the spot, negative where it speaks against the class. By occlusion how much
            is lost when the spot is covered; of a class activation map what the spot gives, which
            together with a constant is the logit.
        method: Method that made the map.
        covered: Probability of the class, 0..1, with the strongest spot covered; None by a method
            that covers nothing.

    Example:
        >>> heat = HeatMap(np.float32([[0, 2], [-1, 1]]), "occlusion", 0.4)
        >>> heat.peak, heat.is_weak, heat.strengths(4)[0].round().tolist()
        (2.0, False, [0.0, 0.0, 1.0, 1.0])
    """

    values: np.ndarray = field(compare=False)
    method: Method
    covered: float | None = None

    @classmethod
    def of_activations(cls, activations: np.ndarray, code: int) -> Self:
        """Make the exact map of a class from class activations (Zhou et al., 2016).

        Of two classes the first has the logit of the second with its sign changed. Of more, what
        all classes have in common is left out, as it changes no probability.

        Args:
            activations: Class activations of a label, float32 [h, w, 1 or classes]; their means
                over the locations are its logits, but for constants.
            code: Code of the class.

        Example:
            >>> HeatMap.of_activations(np.float32([[[2.0], [4.0]]]), 0).values.tolist()
            [[-1.0, -2.0]]
            >>> HeatMap.of_activations(np.float32([[[1.0, 2.0, 3.0]]]), 2).values.tolist()
            [[1.0]]
        """
        locations = activations.shape[0] * activations.shape[1]
        if activations.shape[2] == 1:
            of_class = activations[..., 0] * (1 if code else -1)
        else:
            of_class = activations[..., code] - activations.mean(axis=2)
        return cls(of_class / locations, "class activation map")

    @property
    def peak(self) -> float:
        """Largest value, in log-odds."""
        return float(self.values.max())

    @property
    def is_weak(self) -> bool:
        """Whether the prediction rests on no single spot."""
        return self.peak < LEAST_PEAK

    def strengths(self, size: int) -> np.ndarray:
        """Return how strongly each pixel is colored.

        Args:
            size: Side of the square, pixels.

        Returns:
            float32 [size, size], 0..1: the values between the middles of the spots interpolated,
            as parts of the peak; 0 where the face speaks against the class.
        """
        grid = Image.fromarray(np.ascontiguousarray(self.values, np.float32))
        values = np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
        return np.clip(values / max(self.peak, LEAST_PEAK), 0, 1)

    def over(self, pixels: np.ndarray, size: int) -> Image.Image:
        """Draw the map over the face, which stays visible in gray.

        Args:
            pixels: uint8 RGB [s, s, 3], what the model saw.
            size: Side of the drawing, pixels.

        Returns:
            RGB image, size x size.

        Example:
            >>> heat = HeatMap(np.float32([[0, 2]]), "occlusion")
            >>> drawn = heat.over(np.full((8, 8, 3), 128, np.uint8), 64)
            >>> drawn.getpixel((1, 32)), drawn.getpixel((62, 32))  # gray, and yellow at the peak
            ((115, 115, 115), (201, 187, 67))
        """
        face = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
        dark, light = _FACE
        gray = dark + np.asarray(face.convert("L"), np.float32)[..., None] * (light - dark) / 255
        colors = np.asarray(self.alone(size), np.float32)
        opacity = colors[..., 3:] / 255
        drawn = (1 - opacity) * gray + opacity * colors[..., :3]
        return Image.fromarray(drawn.round().astype(np.uint8))

    def alone(self, size: int) -> Image.Image:
        """Draw the map without the face, to lie over it.

        Args:
            size: Side of the drawing, pixels.

        Returns:
            RGBA image, size x size, transparent where nothing rests on the face.

        Example:
            >>> HeatMap(np.float32([[0, 2]]), "occlusion").alone(64).getpixel((1, 32))[3]
            0
        """
        strengths = self.strengths(size)
        opacity = 255 * _STRONGEST * np.sqrt(strengths)
        drawn = np.concatenate([_colors(strengths), opacity[..., None]], axis=2)
        return Image.fromarray(drawn.round().astype(np.uint8), "RGBA")


def legend_bar(width: int, height: int) -> Image.Image:
    """Draw the colors from nothing, on the left, to the peak.

    Args:
        width: Pixels.
        height: Pixels.

    Example:
        >>> legend_bar(100, 10).size
        (100, 10)
    """
    ramp = HeatMap(np.linspace(0, 1, width, dtype=np.float32)[None], "occlusion")
    side = max(width, height)
    return ramp.over(np.full((2, 2, 3), 128, np.uint8), side).crop((0, 0, width, height))


def _colors(strengths: np.ndarray) -> np.ndarray:
    """Return colors, float32 [..., 3] in 0..255, of strengths in 0..1."""
    stops = np.linspace(0, 1, len(_RAMP))
    return np.stack([np.interp(strengths, stops, channel) for channel in _RAMP.T], axis=-1)
