"""A curve in a line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.-=+*%#"
_GAP = "?"


def sparkline(values: Sequence[float], width: int = 16, unicode: bool = True) -> str:
    """Draw a curve by one letter a value, from its lowest to its highest.

    Args:
        values: Values in order; those that are not finite are shown as "?".
        width: Largest number of letters; more values are thinned out, first and last are kept.
        unicode: Whether the terminal shows blocks.

    Example:
        >>> sparkline([0.5, 0.6, 0.9, 0.8])
        '▁▃█▆'
        >>> sparkline([0.5, float("nan"), 0.9], unicode=False)
        '_?#'
    """
    levels = _LEVELS if unicode else _ASCII_LEVELS
    shown = _thinned(values, width)
    finite = [value for value in shown if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)

    def letter(value: float) -> str:
        if not math.isfinite(value):
            return _GAP
        share = (value - low) / (high - low) if high > low else 0.5
        return levels[round(share * (len(levels) - 1))]

    return "".join(map(letter, shown))


def _thinned(values: Sequence[float], width: int) -> list[float]:
    if len(values) <= width or width < 2:
        return list(values[:width]) if width < 2 else list(values)
    step = (len(values) - 1) / (width - 1)
    return [values[round(i * step)] for i in range(width)]
