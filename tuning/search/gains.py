"""What the last legs of a backbone have brought, by which the next one's gain is expected."""

from __future__ import annotations

_LEGS = 3  # that are looked back at
_HOPE = 0.01  # share of the score that a leg is expected to take away before it is known


class Gains:
    """The legs of a backbone, as shares of its score a second.

    Example:
        >>> gains = Gains()
        >>> gains.add(seconds=60.0, before=0.04, after=0.036)
        >>> round(gains.of_a_leg(seconds=30.0), 3)
        0.035
    """

    def __init__(self) -> None:
        self._legs: list[tuple[float, float]] = []

    def add(self, seconds: float, before: float, after: float) -> None:
        """Take note of a leg.

        Args:
            seconds: Wall time of the leg.
            before: Best score of the backbone before it.
            after: Best score behind it.
        """
        self._legs.append((seconds, max(0.0, before - after) / max(before, 1e-9)))

    def of_a_leg(self, seconds: float) -> float:
        """Return the share of the score that the next leg is expected to take away.

        It is half of what the last legs brought in as much time, as learning curves flatten, and
        a little hope, which each leg that brings nothing halves: no backbone is given up for one.

        Args:
            seconds: Expected time of the leg.
        """
        last = self._legs[-_LEGS:]
        took = sum(seconds for seconds, _ in last)
        rate = sum(gain for _, gain in last) / took if took else 0.0
        in_vain = sum(gain == 0 for _, gain in last)
        return rate * seconds / 2 + _HOPE / 2**in_vain
