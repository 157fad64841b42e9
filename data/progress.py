"""How far a long pass is: a bar on a terminal, a line now and then in a log.

Whatever takes long accepts a `ProgressCallback`; whoever calls it says where that is shown.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

ProgressCallback = Callable[[int, int], None]
"""Called with the number of items done and the number of all."""

_FIRST, _NEXT = 10.0, 30.0  # seconds until the first line, and between lines


@contextmanager
def progress(title: str) -> Iterator[ProgressCallback]:
    """Show on stderr how far a pass is: a bar on a terminal, else the lines of `milestones`.

    The bar appears with the first call and is gone when the block ends.

    Args:
        title: What is being done, such as "decoding images".

    Yields:
        The function to call after each item.

    Example:
        >>> with progress("decoding images") as update:
        ...     for done in range(1, 4):
        ...         update(done, 3)
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield milestones(title, _to_stderr)
        return
    with live_bars(console) as bars:
        task = bars.add_task(title, total=None, visible=False)
        yield lambda done, total: bars.update(task, completed=done, total=total, visible=True)


def live_bars(console: "Console") -> "Progress":
    """Make rich's bars as all commands show them: title, bar, count, time left.

    Args:
        console: A terminal to show them on.

    Returns:
        A context manager, in which tasks can be added; the bars are gone when it ends.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    title = TextColumn("{task.description}", markup=False)
    columns = (title, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def milestones(title: str, write: Callable[[str], None]) -> ProgressCallback:
    """Make a callback that writes a line after ten seconds and then every half minute.

    A pass that ends within ten seconds is not worth a line.

    Args:
        title: What is being done.
        write: Function that takes a line, such as `print`.

    Returns:
        The callback. Its clock starts with its first call.

    Example:
        >>> update = milestones("decoding images", print)
        >>> update(1, 5000)
    """
    started = due = 0.0
    before = -1  # done at the first call, which says nothing about speed

    def update(done: int, total: int) -> None:
        nonlocal started, due, before
        now = time.monotonic()
        if before < 0:
            before, started, due = done, now, now + _FIRST
        if done < total and now >= due:
            due = now + _NEXT
            left = _time_left(done - before, total - done, now - started)
            write(f"{title}: {done:,} of {total:,}{left}")

    return update


def _time_left(done: int, left: int, seconds: float) -> str:
    if not done:
        return ""
    remaining = left * seconds / done
    return f", {remaining:.0f} s left" if remaining < 120 else f", {remaining / 60:.0f} min left"


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
