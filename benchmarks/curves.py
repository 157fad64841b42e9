"""Accuracy over time, as steps: what would be there if one stopped now; and how two compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Point(NamedTuple):
    """A figure from a moment on, until the next point.

    Attributes:
        seconds: Seconds since the clock started.
        value: The figure.
    """

    seconds: float
    value: float


Curve = Sequence[Point]
"""Points in order of time."""


def value_at(curve: Curve, seconds: float) -> float | None:
    """Return the figure at a moment, None before the first.

    Args:
        curve: Points in order of time.
        seconds: The moment.

    Example:
        >>> value_at([Point(5, 0.8), Point(9, 0.9)], 8.0)
        0.8
    """
    return next((point.value for point in reversed(curve) if point.seconds <= seconds), None)


def first_reaching(curve: Curve, value: float) -> float | None:
    """Return the first moment at which a figure is at least so high, None where it never is.

    Args:
        curve: Points in order of time.
        value: The figure to reach.

    Example:
        >>> first_reaching([Point(5, 0.8), Point(9, 0.9)], 0.85)
        9
    """
    return next((point.seconds for point in curve if point.value >= value), None)


@dataclass(frozen=True)
class Race:
    """Our curve against plain Keras Tuner's, over the same time.

    Attributes:
        ahead: Minutes at whose end ours is higher; nothing is lower than anything.
        level: Minutes at whose end both are the same.
        behind: Minutes at whose end ours is lower.
        plain_best: Last figure of plain Keras Tuner, None where it has none.
        plain_seconds: Moment at which plain Keras Tuner reaches it.
        our_seconds: Moment at which ours does, None where it never does.
        ratio: `plain_seconds` over `our_seconds`, None without either.

    Example:
        >>> race = Race.of([Point(50, 0.8), Point(100, 0.9)], [Point(20, 0.9)], seconds=180)
        >>> race.ahead, race.level, race.behind, race.ratio
        ((1,), (2, 3), (), 5.0)
    """

    ahead: tuple[int, ...]
    level: tuple[int, ...]
    behind: tuple[int, ...]
    plain_best: float | None
    plain_seconds: float | None
    our_seconds: float | None
    ratio: float | None

    @classmethod
    def of(cls, plain: Curve, ours: Curve, seconds: float) -> Race:
        """Compare two curves.

        Args:
            plain: Plain Keras Tuner's.
            ours: Ours.
            seconds: Time of both; a part of a minute at its end counts as one.
        """
        minutes = range(1, max(1, round(seconds / 60)) + 1)
        moments = {minute: min(60.0 * minute, seconds) for minute in minutes}
        lead = {minute: _lead(plain, ours, moment) for minute, moment in moments.items()}
        best = value_at(plain, seconds)
        theirs = None if best is None else first_reaching(plain, best)
        mine = None if best is None else first_reaching(ours, best)
        return cls(
            ahead=tuple(minute for minute in minutes if lead[minute] > 0),
            level=tuple(minute for minute in minutes if lead[minute] == 0),
            behind=tuple(minute for minute in minutes if lead[minute] < 0),
            plain_best=best,
            plain_seconds=theirs,
            our_seconds=mine,
            ratio=theirs / mine if theirs and mine else None,
        )


def _lead(plain: Curve, ours: Curve, seconds: float) -> float:
    at_work = (value_at(ours, seconds), value_at(plain, seconds))
    mine, theirs = (-1.0 if value is None else value for value in at_work)
    return mine - theirs


def until(curve: Curve, seconds: float) -> list[Point]:
    """Return the points up to a moment.

    Args:
        curve: Points in order of time.
        seconds: The moment.

    Example:
        >>> until([Point(5, 0.8), Point(9, 0.9)], 8.0)
        [Point(seconds=5, value=0.8)]
    """
    return [point for point in curve if point.seconds <= seconds]
