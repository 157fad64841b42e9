"""PNGs of curves over minutes, in the style of the report."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from benchmarks.curves import Curve
from data.atomic import replacing
from tuning.report.drawing import Theme, plotted

_SHOWN_BELOW = 15  # points below the lowest end


@dataclass(frozen=True)
class Line:
    """A curve as it is drawn.

    Attributes:
        title: What the legend calls it; empty for one that is not in it.
        curve: Its points; figures are shares, 0..1, and drawn in percent.
        color: Its color.
        style: matplotlib's style of the line, such as "--".
    """

    title: str
    curve: Curve
    color: str
    style: str = "-"


def draw(
    path: Path,
    lines: Sequence[Line],
    seconds: float,
    title: str,
    figure: str,
    low_is_good: bool = False,
) -> None:
    """Draw curves as steps over minutes.

    Args:
        path: PNG to write.
        lines: Curves; those without points are left out.
        seconds: End of the time that is shown.
        title: Line above the plot.
        figure: What is drawn, for the vertical axis.
        low_is_good: Whether curves fall where things get better.

    Raises:
        OSError: It cannot be written.
    """
    lines = [line for line in lines if line.curve]

    def into(axes: Axes, theme: Theme) -> list[Line2D]:
        axes.set_title(title, fontsize=9, color=theme.ink)
        axes.set(xlabel="minutes", ylabel=figure, xlim=(0, seconds / 60))
        axes.set_ylim(*_limits(lines, low_is_good))
        return [key for line in lines if (key := _drawn(axes, line, seconds)) and line.title]

    plot = plotted(into, title, title)
    with replacing(path) as new:
        new.write_bytes(base64.b64decode(plot.light.partition(",")[2]))


def _drawn(axes: Axes, line: Line, seconds: float) -> Line2D:
    moments = [point.seconds / 60 for point in line.curve]
    values = [100 * point.value for point in line.curve]
    [key] = axes.step(
        [*moments, seconds / 60], [*values, values[-1]],
        where="post", color=line.color, linestyle=line.style, label=line.title, linewidth=1.4,
    )  # fmt: skip
    return key


def _limits(lines: Sequence[Line], low_is_good: bool) -> tuple[float, float]:
    """Around most figures: what is far worse than all ends, at the beginning, is cut off."""
    values = [100 * point.value for line in lines for point in line.curve]
    ends = [100 * line.curve[-1].value for line in lines]
    if not values:
        return 0.0, 100.0
    low, high = min(values), max(values)
    if low_is_good:
        high = min(high, 2 * max(ends))
    else:
        low = max(low, min(ends) - _SHOWN_BELOW)
    margin = 0.05 * (high - low) + 0.2
    return low - margin, high + margin
