"""`status.json`: what a run is doing now, for whoever follows it from elsewhere.

The driver writes it about once a second (`tuning.status_writer`), at least every few seconds, so
that a run that was killed can be told from one that works.
"""

from __future__ import annotations

import os
import platform
import time
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict

State = Literal["running", "finished", "failed", "interrupted"]

_SILENT_HERE, _SILENT_ELSEWHERE = 15.0, 90.0  # seconds without a word until it counts as stopped
_SAME_PROCESS = 5.0  # seconds between two readings of when a process was started


class Activity(BaseModel):
    """Something that a run works on now.

    Attributes:
        title: What is being done, such as "trunk, train images".
        backbone: Backbone that it is done for, "" where for all.
        started: Time at which it began, Unix seconds.
        done: Number of items that are done.
        total: Number of all of them, None where it is not known.

    Example:
        >>> activity = Activity(title="decoding images", started=0.0, done=20, total=200)
        >>> activity.done / activity.total
        0.1
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    title: str
    backbone: str = ""
    started: float
    done: int = 0
    total: int | None = None


class Driver(BaseModel):
    """The process that works on a run.

    Attributes:
        host: Name of its machine.
        pid: Its number there.
        started: Time at which it was started, Unix seconds.

    Example:
        >>> Driver.this_process().is_alive()
        True
        >>> Driver(host="elsewhere", pid=1, started=0.0).is_alive() is None
        True
    """

    model_config = ConfigDict(frozen=True)

    host: str
    pid: int
    started: float

    @classmethod
    def this_process(cls) -> Driver:
        """Describe the process that asks."""
        started = psutil.Process().create_time()
        return cls(host=platform.node(), pid=os.getpid(), started=started)

    def is_alive(self) -> bool | None:
        """Whether the process is there; None where it belongs to another machine."""
        if self.host != platform.node():
            return None
        try:
            started = psutil.Process(self.pid).create_time()
        except (psutil.Error, ValueError, OverflowError):
            return False
        return abs(started - self.started) < _SAME_PROCESS


class RunStatus(BaseModel):
    """What a run is doing now: `status.json`.

    Attributes:
        state: Whether the driver works or how it ended.
        driver: Process that wrote it.
        updated: Time of writing, Unix seconds.
        spent: Wall time of all sessions together, seconds.
        left: What is left of the budget, seconds; None for no limit.
        now: What is being done.
        message: Reason of a failure, in one line.

    Example:
        >>> status = RunStatus(
        ...     state="running", driver=Driver.this_process(), updated=time.time(), spent=60.0
        ... )
        >>> status.is_working(), status.model_copy(update={"state": "finished"}).is_working()
        (True, False)
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    schema_version: Literal[1] = 1
    state: State
    driver: Driver
    updated: float
    spent: float
    left: float | None = None
    now: tuple[Activity, ...] = ()
    message: str = ""

    def is_working(self, silent: float | None = None) -> bool:
        """Whether somebody works on the run.

        The number of a process says nothing in another container, and clocks of machines differ:
        only a driver that has been silent for a while is held to be stopped.

        Args:
            silent: Time since the file was seen to change, seconds; None to go by the clocks.
        """
        if self.state != "running":
            return False
        alive = self.driver.is_alive()
        if alive:
            return True
        age = time.time() - self.updated if silent is None else silent
        return age < (_SILENT_ELSEWHERE if alive is None else _SILENT_HERE)
