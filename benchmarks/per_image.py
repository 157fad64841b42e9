"""What one image takes, on disk and in operations, without measuring: docs/scaling.md's tables."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import keras

from tuning.backbones.operations import gmacs_of
from tuning.backbones.registry import BACKBONES

_STEP = 3  # passes: forward, gradients of the activations, gradients of the weights


class PerImage(NamedTuple):
    """What one image takes in one view, behind each number of stages, from 0.

    Attributes:
        bytes: Size of the activations on disk, as float16; 0 of the pixels.
        gmacs: Billions of multiplications and additions from the pixels to there.
    """

    bytes: tuple[int, ...]
    gmacs: tuple[float, ...]


@cache
def per_image(backbone: str, size: int) -> PerImage:
    """Return what an image takes.

    Args:
        backbone: Name of the backbone.
        size: Side of the image, pixels.

    Example:
        >>> vgg16 = per_image("vgg16", 96)
        >>> vgg16.bytes, round(vgg16.gmacs[3], 2)
        ((0, 294912, 147456, 73728, 36864, 9216), 1.71)
    """
    entry = BACKBONES[backbone]
    image = keras.Input((size, size, 3))
    whole = keras.Model(image, entry.build(image))
    ends = [entry.layer_of(cut) for cut in range(1, len(entry.stages) + 1)]
    parts = [keras.Model(image, whole.get_layer(end).output) for end in ends]
    return PerImage(
        (0, *(2 * math.prod(part.output.shape[1:]) for part in parts)),
        (0.0, *map(gmacs_of, parts)),
    )


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
        filled, (_, *of_cuts) = backbone.first_cuts, per_image(name, size).bytes
        cells = [f"{size / 1e3:,.0f}" for size in of_cuts]
        bold = [f"**{cell}**" if n in filled else cell for n, cell in enumerate(cells, 1)]
        bold += [""] * (5 - len(bold))
        total = sum(of_cuts[cut - 1] for cut in filled) / 1e3
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
        gmacs, deepest = per_image(name, size).gmacs, max(backbone.first_cuts)
        stages, depth, _ = backbone.tunings[0]
        leg = _STEP * (gmacs[stages] - gmacs[stages - depth])
        lines.append(
            f"| {backbone.title} | {deepest} | {gmacs[deepest]:.2f} | {stages} | {depth} | "
            f"{leg:.2f} | {gmacs[stages]:.2f} |"
        )
    return "\n".join(lines)
