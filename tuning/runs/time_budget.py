"""The time of a run over all the sessions that work on it."""

from __future__ import annotations

import math
import time

from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import Clock

_OVERTIME = 0.03  # of the whole time


class TimeBudget:
    """Time spent on a run and left for it; sessions that were stopped or killed count as well.

    Args:
        run: Folder of the run, which keeps the time spent.
        minutes: Time for the whole run, None for no limit.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> run = RunFolder(Path(tempfile.mkdtemp()))
        >>> run.write_clock(Clock(seconds=50.0))
        >>> round(TimeBudget(run, minutes=1).left())
        10
    """

    def __init__(self, run: RunFolder, minutes: float | None) -> None:
        self._run = run
        status = run.read_status()  # the last word of a session that was killed
        self._before = max(run.read_clock().seconds, status.spent if status else 0.0)
        self._seconds = None if minutes is None else 60 * minutes
        self._started = time.monotonic()

    def left(self) -> float | None:
        """Return the seconds left, None for no limit."""
        return None if self._seconds is None else max(0.0, self._seconds - self.spent())

    def overtime(self) -> float:
        """Return the seconds by which the last step may go beyond the limit, to lose nothing."""
        return math.inf if self._seconds is None else _OVERTIME * self._seconds

    def spent(self) -> float:
        """Return the seconds worked on the run so far."""
        return self._before + time.monotonic() - self._started

    def save(self) -> None:
        """Keep the time spent in the run's folder."""
        self._run.write_clock(Clock(seconds=self.spent()))
