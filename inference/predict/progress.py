"""How far a long command is: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS = 30.0  # between two lines of a log


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Yield what is called after each of `total` steps; all is shown on stderr."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _log(what, total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _log(what: str, total: int) -> Callable[[], None]:
    start = said = time.monotonic()
    done = 0

    def advance() -> None:
        nonlocal done, said
        done += 1
        now = time.monotonic()
        if now - said >= _SECONDS:
            said = now
            left = (total - done) * (now - start) / done
            print(f"{what}: {done:,} of {total:,}, {left:.0f} s left", file=sys.stderr, flush=True)

    return advance
