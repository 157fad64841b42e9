"""How far a search goes before it has converged: the presets of `PRESET=`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A size of search.

    A run ends when each backbone has converged, however long that takes on the machine; a limit in
    time is the user's, `BUDGET=`.

    Attributes:
        name: Name, as in `PRESET=`.
        size: Side of the square input, pixels.
        patience: Number of legs without a better score after which a trial has converged.
        challengers: Number of trials in a row that do not become the best, after which the backbone
            has converged.

    Example:
        >>> preset = PRESETS["quick"]
        >>> preset.size, preset.challengers
        (96, 1)
    """

    name: str
    size: int
    patience: int
    challengers: int


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("quick", 96, patience=2, challengers=1),
        Preset("standard", 96, patience=3, challengers=4),
        Preset("full", 160, patience=5, challengers=12),
    )
}
"""All presets by name."""
