"""What a person sees while an export works: a line a step, a live bar on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[int], None]
"""Called with how many images were done since the last call."""


class Steps:
    """Prints the steps of one backbone's export.

    Args:
        console: to print to.
        backbone: its name.
    """

    def __init__(self, console: Console, backbone: str) -> None:
        self._console = console
        self._backbone = backbone
        self._started = time.monotonic()

    @contextmanager
    def step(self, what: str, images: int | None = None) -> Iterator[Advance]:
        """Show a step while the block runs, and print what it took when it has ended well.

        Args:
            what: is done, in a few words.
            images: that the block reports as done, None if it does not count.
        """
        started = time.monotonic()
        with self._bar(what, images) as advance:
            yield advance
        self.say(f"{what}: {time.monotonic() - started:.1f} s")

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line about this backbone."""
        self._console.print(f"  {self._backbone}: {text}", style=style, soft_wrap=True)

    def done(self) -> None:
        """Print what all steps took."""
        self.say(f"done in {time.monotonic() - self._started:.0f} s")

    @contextmanager
    def _bar(self, what: str, images: int | None) -> Iterator[Advance]:
        if not self._console.is_terminal:
            yield lambda _: None
            return
        columns = (TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())
        counted = (MofNCompleteColumn(),) if images else ()
        with Progress(*columns, *counted, console=self._console, transient=True) as bar:
            task = bar.add_task(f"{self._backbone}: {what}", total=images)
            yield lambda count: bar.advance(task, count)
