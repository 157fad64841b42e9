"""How the report draws: PNGs inside the page, each for a light and for a dark screen."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tuning.backbones.registry import BACKBONES

# Medium tones, visible on white and on black, and distinct for most color-blind readers.
TONES = ("#3b82c4", "#d55e00", "#009e73", "#b5619b", "#a07800")
"""Colors of backbones, and of classes."""

COLORS = {name: TONES[i % len(TONES)] for i, name in enumerate(BACKBONES)}
"""Color of each backbone."""

MARKERS = {name: "osD^v"[i % 5] for i, name in enumerate(BACKBONES)}
"""Marker of each backbone."""

_DEEPEST = 4  # fine-tuning depth with a color of its own
_HEAD_ALONE = "#8b949e"
_SHOWN_LETTERS = 22
_LONG = 15  # letters with which three names are too many for one line


@dataclass(frozen=True)
class Plot:
    """A figure of the page.

    Attributes:
        caption: Text below the figure, one line.
        alt: Text in place of it, for those who do not see it.
        light: PNG for a light page as a data URI, transparent, with dark ink.
        dark: PNG for a dark page, with light ink.
    """

    caption: str
    alt: str
    light: str
    dark: str


@dataclass(frozen=True)
class Theme:
    """Colors for a light or a dark screen.

    Attributes:
        ink: Color of text and axes.
        ramp: The part of viridis that is seen on this background, 0..1.

    Example:
        >>> Theme("#24292f", (0.05, 0.86)).depth(1)
        '#471365'
    """

    ink: str
    ramp: tuple[float, float]

    def depth(self, depth: int) -> str:
        """Color of a fine-tuning depth."""
        if depth == 0:
            return _HEAD_ALONE
        low, high = self.ramp
        share = (min(depth, _DEEPEST) - 1) / (_DEEPEST - 1)
        return to_hex(mpl.colormaps["viridis"](low + (high - low) * share))


_LIGHT, _DARK = Theme("#24292f", (0.05, 0.86)), Theme("#d7dce2", (0.45, 1.0))
Draw = Callable[[Axes, Theme], list[Line2D]]
"""Draws into axes; returns what the legend shows."""


def plotted(draw: Draw, caption: str, alt: str) -> Plot:
    """Draw a figure, once for each kind of screen.

    Args:
        draw: Draws into axes.
        caption: Text below the figure.
        alt: Text in place of it.

    Example:
        >>> plotted(lambda axes, theme: [], "nothing", "an empty figure").light[:22]
        'data:image/png;base64,'
    """
    return Plot(caption, alt, *(_picture(draw, theme) for theme in (_LIGHT, _DARK)))


def _picture(draw: Draw, theme: Theme) -> str:
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style: dict[Any, Any] = {
        **dict.fromkeys(ink, theme.ink), "axes.grid": True, "grid.color": theme.ink,
        "grid.alpha": 0.15, "axes.spines.top": False, "axes.spines.right": False,
        "axes.axisbelow": True, "font.size": 9,
        "text.parse_math": False,  # a `$` in a name is a `$`
    }  # fmt: skip
    buffer = io.BytesIO()
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of names in scripts that the font lacks
        figure = Figure(figsize=(4.4, 3.6), layout="constrained")
        axes = figure.subplots()
        keys = draw(axes, theme)
        longest = max((len(str(key.get_label())) for key in keys), default=0)
        figure.legend(
            handles=keys,
            loc="outside lower center",
            ncols=3 if longest < _LONG else 2,
            frameon=False,
        )
        figure.savefig(buffer, format="png", dpi=180, transparent=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def key_of(name: str, **style: Any) -> Line2D:
    """Return what a legend shows of a backbone.

    Args:
        name: Name of the backbone.
        style: Style of the line, as of `Line2D`.

    Example:
        >>> key_of("vgg16").get_label()
        'VGG16'
    """
    return Line2D([], [], color=COLORS[name], label=title_of(name), **style)


def shown(name: str) -> str:
    """Return a user's name of a class as a plot shows it: short, and not hidden from legends.

    Args:
        name: Name of the class.

    Example:
        >>> shown("_hidden"), shown("a name with more letters than a legend has room for")
        (' _hidden', 'a name with more lett…')
    """
    short = name if len(name) <= _SHOWN_LETTERS else f"{name[: _SHOWN_LETTERS - 1]}…"
    return f" {short}" if short.startswith("_") else short


def title_of(name: str) -> str:
    """Return the name of a backbone in papers.

    Example:
        >>> title_of("vgg16")
        'VGG16'
    """
    return BACKBONES[name].title


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Example:
        >>> counted(1, "trial"), counted(2, "trial")
        ('1 trial', '2 trials')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
