"""The driver's side of `status.json`: a thread that writes it while a run is worked on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from data.messages import one_line
from tuning.activities import Activities
from tuning.runs.run_folder import RunFolder
from tuning.runs.status import Driver, RunStatus, State
from tuning.runs.time_budget import TimeBudget

_SECOND, _BEAT = 1.0, 5.0  # seconds between looks, and between files where nothing has changed
_LETTERS = 300  # of a message


@contextmanager
def status_of(run: RunFolder, budget: TimeBudget, activities: Activities) -> Iterator[None]:
    """Keep a run's `status.json` up to date while the block works on the run.

    Args:
        run: Folder of the run, which exists.
        budget: Time of the run.
        activities: What is being done.
    """
    driver, ended = Driver.this_process(), threading.Event()

    def write(state: State = "running", message: str = "") -> None:
        with suppress(OSError):  # a full disk ends the search elsewhere, with its own line
            run.write_status(
                RunStatus(
                    state=state, driver=driver, updated=time.time(), spent=budget.spent(),
                    left=budget.left(), now=activities.now() if state == "running" else (),
                    message=message,
                )
            )  # fmt: skip

    write()
    thread = threading.Thread(target=_keep_writing, args=(write, activities, ended), daemon=True)
    thread.start()
    state: State = "failed"
    message = "ended by an error of the program"
    try:
        yield
        state, message = "finished", ""
    except KeyboardInterrupt:
        state, message = "interrupted", ""
        raise
    except Exception as error:
        message = one_line(error, _LETTERS)
        raise
    finally:
        ended.set()
        thread.join()
        write(state, message)


def _keep_writing(
    write: Callable[[], None], activities: Activities, ended: threading.Event
) -> None:
    before, written = activities.now(), time.monotonic()
    while not ended.wait(_SECOND):
        now = activities.now()
        if now != before or time.monotonic() - written >= _BEAT:
            write()
            before, written = now, time.monotonic()
