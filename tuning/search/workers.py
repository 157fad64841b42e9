"""One process or several, on one machine or more, by Keras Tuner's own three variables.

The chief makes the cache and the plan, hands out trials and refits the winner; workers run trials.
Each is the same `make tune` command, whose role is named by `KERASTUNER_TUNER_ID` ("chief" or any
other name), `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT`. `local_workers` starts them here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from data.processors import usable
from tuning.runs.schema import TrialRecord
from tuning.runs.study_folder import StudyFolder

Role = Literal["single", "chief", "worker"]
_POLL = 1.0
_RESTARTS = 20


def role() -> Role:
    """Return this process's role in the search, as the environment says.

    Example:
        >>> role()
        'single'
    """
    if "KERASTUNER_ORACLE_IP" not in os.environ:
        return "single"
    return "chief" if "chief" in os.environ.get("KERASTUNER_TUNER_ID", "") else "worker"


@contextlib.contextmanager
def local_workers(count: int, settings: dict[str, str], logs: Path) -> Iterator[None]:
    """Make this process the chief of `count` workers on this machine while the block runs.

    The cores are divided among the workers. One that dies is started again; the chief then gives
    it the trial that it had.

    Args:
        count: Number of worker processes to start, at least 1.
        settings: Environment variables by which each worker finds the run, see
            `Settings.environment`.
        logs: Folder for what workers print.
    """
    chief = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(_free_port())}
    threads = str(max(1, usable() // count))
    shared = {
        **os.environ, **settings, **chief, "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
    }  # fmt: skip
    logs.mkdir(parents=True, exist_ok=True)
    workers = [
        _Worker(logs / f"worker{i}.log", {**shared, "KERASTUNER_TUNER_ID": f"worker{i}"})
        for i in range(count)
    ]
    ended = threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(workers, ended), daemon=True)
    os.environ.update(chief, KERASTUNER_TUNER_ID="chief")
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.wait()
        for name in (*chief, "KERASTUNER_TUNER_ID"):
            del os.environ[name]


@contextlib.contextmanager
def reporting(study: StudyFolder, on_trial: Callable[[TrialRecord], None]) -> Iterator[None]:
    """Report the trials that workers finish, while the chief waits for them in the block.

    Args:
        study: Folder of the study.
        on_trial: Called with the record of each.

    Example:
        >>> import tempfile
        >>> study = StudyFolder(Path(tempfile.mkdtemp(), "vgg16"))
        >>> study.make()
        >>> record = TrialRecord(trial="0", values={"depth": 0}, result=None, note="diverged")
        >>> with reporting(study, lambda record: print(record.trial, record.note)):
        ...     study.write_trial(record)
        0 diverged
    """
    reported = {record.trial for record in study.trials()}
    ended = threading.Event()

    def report() -> None:
        for record in study.trials():
            if record.trial not in reported:
                reported.add(record.trial)
                on_trial(record)

    def watch() -> None:
        while not ended.wait(_POLL):
            report()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        report()


def wait_for(path: Path, other: Path) -> None:
    """Wait until one of two files is there.

    Args:
        path: Path of the one.
        other: Path of the other.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "plan.json").touch()
        >>> wait_for(folder / "plan.json", folder / "winner.json")
    """
    while not path.exists() and not other.exists():
        time.sleep(_POLL)


class _Worker:
    def __init__(self, log: Path, environment: dict[str, str]) -> None:
        self._log = log
        self._environment = environment
        self.start()

    def start(self) -> None:
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tuning"], env=self._environment, stdout=log, stderr=log
            )


def _keep_alive(workers: list[_Worker], ended: threading.Event) -> None:
    restarts = 0
    while not ended.wait(_POLL):
        for worker in workers:
            if worker.process.poll() and restarts < _RESTARTS:
                restarts += 1
                worker.start()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
