"""What a backbone's search would do next, and how urgent that is beside the others' offers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from tuning.search.timings import Kind


class Turn(IntEnum):
    """The order in which all backbones come to the same point, whatever their gains.

    Attributes:
        WINNER: A first winner, heads on all images that there is time for, and a winner that is
            brought up to date.
        FINE_TUNED: A first fine-tuned leg.
        REST: Whatever is expected to bring most.
    """

    WINNER = 0
    FINE_TUNED = 1
    REST = 2


class Work(NamedTuple):
    """How much a step has done.

    Attributes:
        images: Number of images that it worked on; what is cached does not pass again.
        gmacs: Billions of multiplications and additions that they take.
    """

    images: int
    gmacs: float


@dataclass(frozen=True)
class Offer:
    """A step that a search would have done next.

    Attributes:
        kind: What it does.
        images: Number of images that it works on.
        turn: Its place in the order of all backbones.
        seconds: Expected time.
        gain: Share of the backbone's score that it is expected to take away, 0..1.
        begin: Has it done, given the seconds that are left for it; infinite without a limit.
        end: Takes what came of it, and the seconds that it took; returns how much it has done.
        fails: Takes what it raised; raises it where the search cannot go on.
    """

    kind: Kind
    images: int
    turn: Turn
    seconds: float
    gain: float
    begin: Callable[[float], Future[Any]]
    end: Callable[[Any, float], Work]
    fails: Callable[[Exception], None]
