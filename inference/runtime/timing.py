"""Times that compare: what is timed runs in turn."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import median
from typing import TypeVar

_Key = TypeVar("_Key", bound=Hashable)


def interleaved(
    runs: Mapping[_Key, Callable[[], object]],
    rounds: int,
    of: Callable[[Sequence[float]], float] = median,
) -> dict[_Key, float]:
    """Time functions in turn: what slows the machine for a while slows all of them alike.

    Args:
        runs: Function to time by name. Every round calls each of them once.
        rounds: Number of timed rounds, at least 1; one more comes first and is not timed.
        of: Figure to return of a function's seconds in all rounds.

    Returns:
        The figure, in seconds, by name.

    Example:
        >>> seconds = interleaved({"sum": lambda: sum(range(9)), "max": lambda: max(1, 2)}, 3)
        >>> list(seconds), seconds["sum"] > 0
        (['sum', 'max'], True)
    """
    seconds: dict[_Key, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: of(times) for name, times in seconds.items()}
