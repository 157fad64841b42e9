"""What one image takes, on disk and in operations, without measuring: docs/scaling.md's tables."""

from __future__ import annotations

from functools import cache

from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.backbones.weights import Weights
from tuning.search.steps import Layout


@cache
def per_image(backbone: str, size: int) -> Layout:
    """Return what an image takes.

    Args:
        backbone: Name of the backbone.
        size: Side of the image, pixels.

    Example:
        >>> vgg16 = per_image("vgg16", 96)
        >>> vgg16.bytes_of(3), round(vgg16.gmacs[3], 2)
        (73728, 1.71)
    """
    return Layout.of(TransferModel(BACKBONES[backbone], size, Weights("none", {}, "")))


def page_tables() -> list[str]:
    """Return the tables of docs/scaling.md, Markdown."""
    return [disk_table(96), disk_table(160), work_table(96)]


def disk_table(size: int) -> str:
    """Make a Markdown table of the kilobytes of an image in one view at each cut.

    Those that a search fills by its first pass are bold.

    Args:
        size: Side of the image, pixels.
    """
    lines = [
        f"| {size} px | stage 1 | 2 | 3 | 4 | 5 | first pass, KB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, backbone in BACKBONES.items():
        layout = per_image(name, size)
        filled = layout.first_cuts(backbone)
        cells = {cut: f"{layout.bytes_of(cut) / 1e3:,.0f}" for cut in layout.shapes}
        bold = [f"**{cell}**" if cut in filled else cell for cut, cell in cells.items()]
        bold += [""] * (5 - len(bold))
        total = sum(map(layout.bytes_of, filled)) / 1e3
        lines.append(f"| {backbone.title} | {' | '.join(bold)} | {total:,.0f} |")
    return "\n".join(lines)


def work_table(size: int) -> str:
    """Make a Markdown table of the operations for an image in a search's first steps.

    Args:
        size: Side of the image, pixels.
    """
    lines = [
        f"| {size} px | to stage | pass, GMAC | head behind | trained | a leg, GMAC | served |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, backbone in BACKBONES.items():
        layout = per_image(name, size)
        deepest = max(layout.first_cuts(backbone))
        stages, depth, _ = backbone.tunings[0]
        lines.append(
            f"| {backbone.title} | {deepest} | {layout.gmacs[deepest]:.2f} | {stages} | {depth} | "
            f"{layout.of_step(stages, depth):.2f} | {layout.gmacs[stages]:.2f} |"
        )
    return "\n".join(lines)
