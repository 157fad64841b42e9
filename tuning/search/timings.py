"""How long steps take, from those of this run; the latest counts, for machines change."""

from __future__ import annotations

from typing import Literal

Kind = Literal["pass", "head", "leg", "winner"]

# Seconds of a unit before anything was measured: cautious for a laptop. Passes and legs are given
# for a billion multiplications and additions at 224 pixels.
_CAUTIOUS: dict[Kind, float] = {"pass": 0.01, "head": 0.005, "leg": 0.02, "winner": 0.02}
_BY_OPERATIONS = ("pass", "leg")


class Timings:
    """Seconds of an image in each kind of step, by backbone.

    What one backbone has not done yet is judged by the others, in proportion to their operations.

    Example:
        >>> timings = Timings()
        >>> timings.add("pass", "googlenet", gmacs=1.6, images=1000, seconds=8.0)
        >>> timings.expect("pass", "vgg16", gmacs=15.3, images=100)
        7.65
        >>> timings.add("pass", "vgg16", gmacs=15.3, images=1000, seconds=50.0)
        >>> timings.expect("pass", "vgg16", gmacs=15.3, images=100)
        5.0
    """

    def __init__(self) -> None:
        self._own: dict[tuple[Kind, str, str], float] = {}
        self._last = dict(_CAUTIOUS)

    def add(
        self, kind: Kind, backbone: str, gmacs: float, images: int, seconds: float, of: str = ""
    ) -> None:
        """Take note of a step.

        Args:
            kind: What it did.
            backbone: Name of the backbone.
            gmacs: Operations of the backbone, see `Backbone.gmacs`.
            images: Number of images that it worked on.
            seconds: Wall time of the step.
            of: What distinguishes it from others of its kind, such as its stages and depth.
        """
        if images <= 0:
            return
        self._own[kind, backbone, of] = self._own[kind, backbone, ""] = seconds / images
        self._last[kind] = seconds / images / _scale(kind, gmacs)

    def expect(self, kind: Kind, backbone: str, gmacs: float, images: int, of: str = "") -> float:
        """Return the seconds that a step is expected to take.

        Args:
            kind: What it does.
            backbone: Name of the backbone.
            gmacs: Operations of the backbone.
            images: Number of images that it works on.
            of: As in `add`; what was not done yet is judged by the last one of its kind.
        """
        others = self._last[kind] * _scale(kind, gmacs)
        last = self._own.get((kind, backbone, ""), others)
        return images * self._own.get((kind, backbone, of), last)


def _scale(kind: Kind, gmacs: float) -> float:
    return gmacs if kind in _BY_OPERATIONS else 1.0
