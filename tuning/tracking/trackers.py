"""All trackers of a run: TensorBoard always, MLflow where it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from data.messages import one_line
from tuning.runs.run_folder import RunFolder
from tuning.tracking import mlflow_server
from tuning.tracking.hparams import HParamsLog
from tuning.tracking.mlflow_log import RunState
from tuning.tracking.mlflow_thread import MlflowThread


@contextmanager
def tracked(run: RunFolder, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Show a run in other tools while the block works on it.

    Args:
        run: Folder of the run, with its settings.
        say: Function that prints a line.

    Yields:
        The function to call, from any thread, when the folder has another trial or winner.
    """
    server = mlflow_server.server()
    mlflow = MlflowThread(run, server, say) if server else None
    tensorboard, lock = HParamsLog(run), threading.Lock()

    def update() -> None:
        with lock:
            try:
                tensorboard.update()
            except OSError as error:
                say(f"TensorBoard's logs could not be written: {one_line(error)}")
        if mlflow:
            mlflow.wake()

    update()
    state: RunState = "FAILED"
    try:
        yield update
        state = "FINISHED"
    except KeyboardInterrupt:
        state = "KILLED"
        raise
    finally:
        update()
        if mlflow:
            mlflow.finish(state)
