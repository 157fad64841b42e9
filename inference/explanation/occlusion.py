"""Occlusion: cover one spot of a face after the other, see what is lost (Zeiler and Fergus, 2014).

It needs nothing of a model but its probabilities, and so serves onnxruntime and Keras alike.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from inference.explanation.heat_map import HeatMap

GRID = 6
"""Number of spots along each side; the model runs once for each of GRID x GRID."""

_BLUR = 1 / 8  # standard deviation of what covers a spot, as a part of the side
_SUREST = 1e-4  # a probability nearer to 0 or 1 says no more: rounding of INT8 would show


def occlusion_map(
    pixels: np.ndarray, probability: Callable[[np.ndarray], np.ndarray], grid: int = GRID
) -> HeatMap:
    """Make the heat map of a class from what covered copies of a face lose of its log-odds.

    Args:
        pixels: uint8 RGB [s, s, 3], as the model sees the face.
        probability: Function of uint8 RGB [N, s, s, 3] that returns the probability of the class,
            float [N], 0..1. It is called once, with the face first and then its copies.
        grid: Number of spots along each side.

    Example:
        >>> face = np.zeros((32, 32, 3), np.uint8)
        >>> face[:8, :8] = 255  # a model that looks at one corner
        >>> look = lambda batch: batch[:, :8, :8].mean(axis=(1, 2, 3)) / 256
        >>> heat = occlusion_map(face, look, grid=4)
        >>> int(heat.values.argmax()), heat.covered < 0.9
        (0, True)
    """
    p = np.asarray(probability(np.concatenate([pixels[None], covered_copies(pixels, grid)])))
    log_odds = _log_odds(p)
    lost = (log_odds[0] - log_odds[1:]).reshape(grid, grid)
    return HeatMap(lost.astype(np.float32), "occlusion", float(p[1:].min()))


def covered_copies(pixels: np.ndarray, grid: int = GRID) -> np.ndarray:
    """Cover one spot in each copy of a face, with softened edges, by a blurred copy of it.

    Gray or black squares are what no face has, and their edges what a network looks at; blurring
    takes the detail away and leaves the color (Fong and Vedaldi, 2017).

    Args:
        pixels: uint8 RGB [s, s, 3].
        grid: Number of spots along each side.

    Returns:
        uint8 RGB [grid x grid, s, s, 3], row by row.

    Example:
        >>> covered_copies(np.zeros((16, 16, 3), np.uint8), grid=4).shape
        (16, 16, 16, 3)
    """
    side = len(pixels)
    blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(side * _BLUR))
    difference = np.asarray(blurred, np.float32) - pixels
    return (pixels + spots(side, grid)[..., None] * difference).round().astype(np.uint8)


def spots(side: int, grid: int = GRID) -> np.ndarray:
    """Return how opaque each spot's cover is.

    A spot reaches into its neighbors, so that nothing lies between them: it is opaque for half a
    spacing around its middle, and half opaque at one.

    Args:
        side: Side of the square, pixels.
        grid: Number of spots along each side.

    Returns:
        float32 [grid x grid, side, side], 0..1, row by row.

    Example:
        >>> spots(8, grid=2)[0, 0].tolist()
        [1.0, 1.0, 1.0, 1.0, 0.875, 0.625, 0.375, 0.125]
    """
    middles = (np.arange(grid) + 0.5) * side / grid
    away = np.abs(np.arange(side) + 0.5 - middles[:, None]) * grid / side  # [grid, side], spacings
    opacity = np.clip(1.5 - away, 0, 1).astype(np.float32)
    return (opacity[:, None, :, None] * opacity[None, :, None, :]).reshape(-1, side, side)


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(np.asarray(p, np.float64), _SUREST, 1 - _SUREST)
    return np.log(p / (1 - p))
