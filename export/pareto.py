"""The exported models as a plot of accuracy over latency: `pareto.png` in the models folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from export.champion import Candidate, Limits, pareto_front

FILE = "pareto.png"
_FRONT, _DOMINATED, _OUTSIDE = "tab:blue", "tab:gray", "tab:red"


def plot(
    candidates: Sequence[Candidate], champion: Candidate | None, limits: Limits, path: Path
) -> None:
    """Draw the expected Brier score over latency; a dot's area is the model's size.

    Args:
        candidates: Exported models, at least one.
        champion: The champion among them, None if no model is within the limits.
        limits: Limits; models outside of them have a red edge.
        path: Path of the PNG file, replaced if it is there.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), FILE)
        >>> vgg16 = Candidate("vgg16", "int8", 0.02, 0.97, latency_ms=12.0, size_mb=15.0)
        >>> plot([vgg16], champion=vgg16, limits=Limits(max_latency_ms=20), path=path)
        >>> path.is_file()
        True
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    front = pareto_front(candidates)
    for candidate in candidates:
        color = _FRONT if candidate in front else _DOMINATED
        edge = _OUTSIDE if limits.excess(candidate) else color
        _dot(axes, candidate, color, edge, candidate == champion)
    if limits.max_latency_ms:
        axes.axvline(limits.max_latency_ms, color=_OUTSIDE, linestyle=":")
    axes.set_xscale("log")
    for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        axis(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.invert_yaxis()
    axes.margins(x=0.3, y=0.2)
    axes.set_xlabel("latency of one image, ms")
    axes.set_ylabel("Brier score expected on other images, the best at the top")
    outside = "\nred edge: outside the limits" if any(map(limits.excess, candidates)) else ""
    axes.set_title(f"Exported models; blue: none is better in score, time and size{outside}")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _dot(axes: Axes, candidate: Candidate, color: str, edge: str, is_champion: bool) -> None:
    point = (candidate.latency_ms, candidate.score)
    axes.scatter(
        *point,
        s=30 + 4 * candidate.size_mb,
        facecolors=to_rgba(color, 0.6),
        edgecolors=edge,
        zorder=2,
    )
    if is_champion:
        axes.scatter(*point, marker="*", s=120, color="gold", edgecolors="black", zorder=3)
    words = (
        f"{candidate.backbone}{' (champion)' if is_champion else ''}\n"
        f"{candidate.precision}, {candidate.size_mb:.0f} MB, {candidate.val_accuracy:.1%} correct"
    )
    axes.annotate(
        words,
        point,
        xytext=(0, 14),
        textcoords="offset points",
        ha="center",
        fontsize=9,
    )
