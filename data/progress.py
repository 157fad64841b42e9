"""Lines that tell how far a long pass is, where no bar can be shown."""

import time
from collections.abc import Callable

_FIRST, _NEXT = 10.0, 30.0  # seconds until the first line, and between lines


def milestones(what: str, say: Callable[[str], None]) -> Callable[[int, int], None]:
    """A function of the number done and the number of all that says a line now and then.

    What is done within ten seconds is not worth a line.

    >>> update = milestones("decoding images", print)
    >>> update(1, 5000)
    """
    due: float | None = None

    def update(done: int, total: int) -> None:
        nonlocal due
        now = time.monotonic()
        if due is None:
            due = now + _FIRST
        if done < total and now >= due:
            due = now + _NEXT
            say(f"{what}: {done:,} of {total:,}")

    return update
