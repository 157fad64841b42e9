"""What a person sees while an export works: a line for each step, and how far a long one is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from data.progress import ProgressCallback, live_bars, milestones


class Steps:
    """Prints the steps of one backbone's export.

    Args:
        console: Console to print to.
        backbone: Name of the backbone.

    Example:
        >>> steps = Steps(Console(), "vgg16")
        >>> with steps.step("converting"):
        ...     pass
          vgg16: converting: 0.0 s
    """

    def __init__(self, console: Console, backbone: str) -> None:
        self._console = console
        self._backbone = backbone
        self._started = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step while the block runs, and print its time when it has ended well.

        Args:
            title: What is being done, in a few words.
        """
        started = time.monotonic()
        with self._console.status(f"{self._backbone}: {title}"):
            yield
        self._end(title, started)

    @contextmanager
    def counted(self, title: str) -> Iterator[ProgressCallback]:
        """Show how far a step over many images is, and print its time when it has ended well.

        Args:
            title: What is being done, in a few words.

        Yields:
            The function to call with the number of images done and of all.
        """
        started = time.monotonic()
        if self._console.is_terminal:
            with live_bars(self._console) as bars:
                task = bars.add_task(f"  {self._backbone}: {title}", total=None)
                yield lambda done, total: bars.update(task, completed=done, total=total)
        else:
            yield milestones(title, self.say)
        self._end(title, started)

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line about this backbone.

        Args:
            text: Text of the line.
            style: Style as rich knows it, such as "yellow"; None for plain text.
        """
        self._console.print(
            f"  {self._backbone}: {text}", style=style, markup=False, soft_wrap=True
        )

    def done(self) -> None:
        """Print the time of all steps together."""
        self.say(f"done in {time.monotonic() - self._started:.0f} s")

    def _end(self, title: str, started: float) -> None:
        self.say(f"{title}: {time.monotonic() - started:.1f} s")
