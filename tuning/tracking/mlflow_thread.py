"""MLflow's thread: a search never waits for a tracking server, and never fails by one."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tuning.runs.run_folder import RunFolder
from tuning.tracking import mlflow_server
from tuning.tracking.mlflow_log import MlflowLog, RunState

_RETRY = 60.0  # seconds until a server that failed is asked again
_LAST_WORDS = 60.0  # seconds for what is left when the search has ended


class MlflowThread:
    """Logs a run to MLflow beside the search.

    Args:
        run: Folder of the run.
        server: Address of the server without user and password.
        say: Function that prints a line.
    """

    def __init__(self, run: RunFolder, server: str, say: Callable[[str], None]) -> None:
        self._run, self._server, self._say = run, server, say
        self._log: MlflowLog | None = None
        self._state: RunState = "RUNNING"
        self._wake = threading.Event()
        self._fails = False
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have what is new logged."""
        self._wake.set()

    def finish(self, state: RunState) -> None:
        """Have the end logged; the wait for it is short.

        Args:
            state: How the search has ended.
        """
        self._state = state
        self._wake.set()
        self._thread.join(_LAST_WORDS)
        if self._fails or self._thread.is_alive():
            self._say(
                f"MLflow at {self._server} does not have all of this run: "
                "the same command logs what is missing"
            )

    def _work(self) -> None:
        ended = False
        while not ended:
            self._wake.wait(_RETRY if self._fails else None)
            self._wake.clear()
            state = self._state
            ended = state != "RUNNING"
            self._update(state)

    def _update(self, state: RunState) -> None:
        try:
            self._log = self._log or MlflowLog(self._run, mlflow_server.client(), self._server)
            self._log.update(state)
        except Exception as error:  # whatever a server or its client comes up with
            self._log = None
            if not self._fails:
                reason = mlflow_server.reason(error)
                self._say(f"MLflow at {self._server}: {reason}; the search goes on without it")
            self._fails = True
            return
        if self._fails:
            self._say(f"MLflow at {self._server} has all of this run now")
        self._fails = False
