"""The exported models as a plot of accuracy over latency: `pareto.png` in the models folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from export.champion import Candidate, Limits, pareto_front

FILE = "pareto.png"
_FRONT, _DOMINATED = "tab:blue", "tab:gray"


def plot(
    candidates: Sequence[Candidate], champion: Candidate | None, limits: Limits, path: Path
) -> None:
    """Draw accuracy on validation images over latency; the area of a dot is the model's size.

    Args:
        candidates: Exported models, at least one.
        champion: The champion among them, None if no model is within the limits.
        limits: Limits, drawn as lines where given.
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
        _dot(axes, candidate, candidate in front, candidate == champion)
    if limits.max_latency_ms:
        axes.axvline(limits.max_latency_ms, color="tab:red", linestyle=":")
    if limits.min_accuracy:
        axes.axhline(limits.min_accuracy, color="tab:red", linestyle=":")
    axes.set_xscale("log")
    for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        axis(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.margins(x=0.3, y=0.2)
    axes.set_xlabel("latency of one image, ms")
    axes.set_ylabel("accuracy on validation images")
    axes.set_title("Exported models; blue: on the Pareto front of accuracy, latency and size")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def _dot(axes: Axes, candidate: Candidate, on_front: bool, is_champion: bool) -> None:
    point = (candidate.latency_ms, candidate.val_accuracy)
    axes.scatter(
        *point,
        s=30 + 4 * candidate.size_mb,
        color=_FRONT if on_front else _DOMINATED,
        alpha=0.6,
        zorder=2,
    )
    if is_champion:
        axes.scatter(*point, marker="*", s=120, color="gold", edgecolors="black", zorder=3)
    words = f"{candidate.backbone}, {candidate.precision}, {candidate.size_mb:.0f} MB"
    axes.annotate(
        words + (" (champion)" if is_champion else ""),
        point,
        xytext=(0, 14),
        textcoords="offset points",
        ha="center",
        fontsize=9,
    )
