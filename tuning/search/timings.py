"""How fast steps are, by those of this run; the latest counts, for machines change."""

from __future__ import annotations

from typing import Literal

Kind = Literal["pass", "head", "leg", "winner"]
"""What a step does."""

_CAUTIOUS = 10.0  # billions of operations a second, until something has been measured


class Timings:
    """Operations a second in each kind of step, by backbone.

    What one backbone has not done yet is judged by the last that did it, and what none has done by
    passes through a frozen backbone.

    Example:
        >>> timings = Timings()
        >>> timings.expect("pass", "vgg16", gmacs=100.0)
        10.0
        >>> timings.add("pass", "googlenet", gmacs=100.0, seconds=2.0)
        >>> timings.expect("leg", "vgg16", gmacs=100.0)
        2.0
        >>> timings.add("pass", "vgg16", gmacs=100.0, seconds=1.0)
        >>> timings.expect("pass", "vgg16", gmacs=300.0)
        3.0
    """

    def __init__(self) -> None:
        self._rates: dict[tuple[str, ...], float] = {}

    def add(self, kind: Kind, backbone: str, gmacs: float, seconds: float, of: str = "") -> None:
        """Take note of a step.

        Args:
            kind: What it did.
            backbone: Name of the backbone.
            gmacs: Billions of multiplications and additions that it took.
            seconds: Wall time of the step.
            of: What distinguishes it from others of its kind, such as its stages and depth.
        """
        if gmacs <= 0:
            return
        rate = gmacs / max(seconds, 1e-3)
        for known in ((kind, backbone, of), (kind, backbone), (kind,)):
            self._rates[known] = rate

    def expect(self, kind: Kind, backbone: str, gmacs: float, of: str = "") -> float:
        """Return the seconds that a step is expected to take.

        Args:
            kind: What it does.
            backbone: Name of the backbone.
            gmacs: Billions of multiplications and additions that it takes.
            of: As in `add`.
        """
        known = ((kind, backbone, of), (kind, backbone), (kind,), ("pass", backbone), ("pass",))
        rates = (self._rates[each] for each in known if each in self._rates)
        return gmacs / next(rates, _CAUTIOUS)
