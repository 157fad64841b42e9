"""How far a pass or a training is: a bar on a terminal, lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress as LiveBars

from data.progress import ProgressCallback, live_bars, milestones
from tuning.activities import Activities


class Bars:
    """Shows on a console how far passes and trainings are.

    Args:
        console: Where to show it; None for standard output.
        prefix: What every line begins with, such as the name of a backbone.
        within: Bars whose console is shared, live bars and all.

    Example:
        >>> import io
        >>> bars = Bars(Console(file=io.StringIO()))
        >>> with bars.bar("decoding images") as update:
        ...     for done in range(1, 4):
        ...         update(done, 3)
        >>> print(bars.console.file.getvalue().rstrip())
          decoding images: 3 in 0 s
    """

    def __init__(
        self, console: Console | None = None, prefix: str = "", within: Bars | None = None
    ) -> None:
        self._prefix = prefix
        self._backbone = ""  # that it is shown for, "" for all
        self._screen: _Screen = (
            within._screen if within else _Screen(console or Console(highlight=False))
        )

    @property
    def console(self) -> Console:
        """Console that it is shown on."""
        return self._screen.console

    @property
    def activities(self) -> Activities:
        """What is being done, of all that share the console."""
        return self._screen.activities

    @contextmanager
    def doing(self, title: str) -> Iterator[None]:
        """Take note that something is being done while the block lasts; nothing is printed.

        Args:
            title: What is being done.
        """
        self.begin(title)
        try:
            yield
        finally:
            self.end(title)

    def begin(self, title: str) -> None:
        """Take note that something begins, for whoever follows the run; nothing is printed.

        Args:
            title: What is being done.
        """
        self.activities.begin(title, self._backbone)

    def end(self, title: str) -> None:
        """Take note that something has ended.

        Args:
            title: What was being done.
        """
        self.activities.end(title, self._backbone)

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line, as it is: names in it may hold brackets.

        Args:
            text: Line to print, without its line break.
            style: Rich's name of a style or color, None for plain text.
        """
        self.console.print(self._prefix + text, style=style, soft_wrap=True, markup=False)

    @contextmanager
    def bar(self, title: str) -> Iterator[ProgressCallback]:
        """Show how far a pass is that runs outside the backbones' searches.

        Args:
            title: What is being done, such as "decoding images".

        Yields:
            The function to call after each item.
        """
        with self.live():
            yield self.steps(title)

    def steps(self, title: str, quiet: bool = False) -> ProgressCallback:
        """Show how far a long pass over images is, and in the end how long it took.

        Args:
            title: What is being done.
            quiet: Whether only a bar is shown on a terminal, and no line: whoever waits for the
                pass says what came of it.

        Returns:
            The function to call after each item.
        """
        task = None
        say = (lambda _: None) if quiet else self.say
        write_line = milestones(f"  {title}", say)
        started = time.monotonic()

        def update(done: int, total: int) -> None:
            nonlocal task
            self.activities.update(title, done, total, self._backbone)
            live = self._screen.live
            if live and task is None:
                task = live.add_task(f"{self._prefix}  {title}", total=total)
            if live and task is not None:
                live.update(task, completed=done, visible=done < total)
            else:
                write_line(done, total)
            if done >= total:
                self.end(title)
                seconds = time.monotonic() - started
                say(f"  {title}: {total:,} in {seconds:.0f} s")

        return update

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show bars on a terminal while the block runs."""
        if self._screen.live or not self.console.is_terminal:
            yield
            return
        with live_bars(self.console) as self._screen.live:
            yield
        self._screen.live = None


@dataclass
class _Screen:
    """What all that show something share: a terminal has room for one set of live bars."""

    console: Console
    live: LiveBars | None = None
    activities: Activities = field(default_factory=Activities)
