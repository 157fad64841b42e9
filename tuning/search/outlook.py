"""What is still to come of a run, and what the last minutes have brought: a line now and then."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import mean

_EVERY = 600.0  # seconds


class Outlook:
    """Says how long a run will go on, and how much better its winners have become lately.

    Args:
        say: Takes the line.

    Example:
        >>> outlook = Outlook(print)
        >>> outlook.tell(spent=60.0, seconds=7200.0, left=None, scores=[0.04, 0.05])
        about 2.0 h until all have converged; a stop at any moment keeps the winners so far
        >>> outlook.tell(spent=660.0, seconds=6600.0, left=None, scores=[0.038, 0.049])
        about 1.8 h until all have converged; the last 10 min took 3.3 % off the scores
        >>> outlook.tell(spent=700.0, seconds=6600.0, left=None, scores=[0.03, 0.04])
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: tuple[float, float] | None = None  # when, and the mean score then

    def tell(
        self, spent: float, seconds: float, left: float | None, scores: Sequence[float]
    ) -> None:
        """Say a line, unless one was said a moment ago.

        Args:
            spent: Seconds worked on the run.
            seconds: Expected seconds until all backbones have converged.
            left: Seconds left of the budget, None without one.
            scores: Score of each backbone's best trial.
        """
        score = mean(scores)
        if self._told is None:
            kept = "a stop at any moment keeps the winners so far"
        elif spent - self._told[0] < _EVERY:
            return
        else:
            minutes, before = (spent - self._told[0]) / 60, self._told[1]
            kept = (
                f"the last {minutes:.0f} min took {100 * (1 - score / before):.1f} % off the scores"
            )
        self._told = (spent, score)
        about = f"about {_duration(seconds)} until all have converged"
        if left is not None and left < seconds:
            about = f"{_duration(left)} left, of {about}"
        self._say(f"{about}; {kept}")


def _duration(seconds: float) -> str:
    """A time as people say it: "40 min", "3.5 h"."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{max(1, math.ceil(seconds / 60 - 0.5))} min"
