"""Several processes that serve from one socket: started, watched, and ended together."""

import multiprocessing as mp
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from threading import Thread

from data.cli import WRONG_USAGE, UsageError, exit_status, failing_on
from inference.errors import ServingError
from inference.served.http_server import end_on_signals
from inference.served.log import log_line
from inference.service.settings import Settings

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Variable of the environment that names the folder in which several processes count together."""

_SECONDS_BETWEEN_STARTS = 1.0  # of a process that ends again and again
_SECONDS_TO_KILL = 5  # after the time that requests under way get

Serve = Callable[[Settings, socket.socket], None]


def supervise(serve: Serve, settings: Settings, listener: socket.socket) -> int:
    """Keep `settings.workers` processes running until this one is told to stop.

    A process that ends is started anew, but not one that cannot begin, for want of a model.

    Args:
        serve: Function that serves in one process, which can be imported by its name.
        settings: Settings of the service.
        listener: Socket that listens.

    Returns:
        Exit status: 0, or that of a process which could not begin.
    """
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stopped.append(number))
    workers = [_started(serve, settings, listener) for _ in range(settings.workers)]
    try:
        while not stopped:
            connection.wait([worker.sentinel for worker in workers], timeout=0.2)
            for index, worker in enumerate(workers):
                if worker.is_alive() or stopped:
                    continue
                if worker.exitcode == WRONG_USAGE:
                    return WRONG_USAGE
                log_line(f"a process ended with {worker.exitcode}: another takes its place")
                _forget(worker)
                time.sleep(_SECONDS_BETWEEN_STARTS)
                workers[index] = _started(serve, settings, listener)
    finally:
        _end(workers, settings.seconds_to_end + _SECONDS_TO_KILL)
    return 0


def _started(serve: Serve, settings: Settings, listener: socket.socket) -> SpawnProcess:
    worker = mp.get_context("spawn").Process(target=_work, args=(serve, settings, listener))
    worker.start()
    return worker


def _work(serve: Serve, settings: Settings, listener: socket.socket) -> None:
    """Serve in a process of its own, which ends with the one that started it."""
    end_on_signals()
    Thread(target=_end_with_parent, daemon=True).start()

    def run() -> None:
        with failing_on(ServingError, OSError, error=UsageError):
            serve(settings, listener)

    sys.exit(exit_status(run))


def _end_with_parent() -> None:
    parent = mp.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _end(workers: list[SpawnProcess], seconds: float) -> None:
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + seconds
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        worker.kill()
        _forget(worker)


def _forget(worker: SpawnProcess) -> None:
    """Count what a process that ended had in its queue no more."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)
