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
    """Return the median seconds (or another figure `of` them) of each run.

    Every round calls all of them once, in turn.
    What slows the machine for a while then slows all of them alike. One untimed round first.
    """
    seconds: dict[_Key, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: of(times) for name, times in seconds.items()}
