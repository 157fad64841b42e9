"""One backbone's study: Keras Tuner over fine-tuning depth, learning rate and head."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any, Protocol

import keras_tuner
from keras_tuner import errors
from keras_tuner.engine import base_tuner
from sklearn.exceptions import ConvergenceWarning

from data.atomic import read_json, write_json
from tuning.runs.schema import Hyperparameters, TrialRecord, TrialResult
from tuning.runs.study_folder import StudyFolder
from tuning.search.oracles import TimedOracle
from tuning.search.steps import Trained

_SILENCE = threading.Lock()  # Standard output is one for all searches of the process.


class StartTrial(Protocol):
    """A function that has one configuration trained."""

    def __call__(self, hyperparameters: Hyperparameters, epochs: int, name: str) -> Future[Trained]:
        """Have one configuration trained.

        Args:
            hyperparameters: Values to train with, as the oracle chose them.
            epochs: Number of epochs of the fine-tuned stages.
            name: Name of the training in messages and logs.

        Returns:
            The result and the trained tail, to come.
        """
        ...


class Study(base_tuner.BaseTuner):
    """Keras Tuner's loop over trials that run on cached activations, several side by side.

    Only the best trial's tail is kept on disk. The study goes on where it was when it is made
    again on the same folder. One thread asks the oracle and tells it: Keras Tuner's own locks
    stay closed for good when an oracle raises.

    Args:
        oracle: Says what is tried, from `tuning.search.oracles.create`.
        start: Function that has one configuration trained.
        epochs: Number of epochs of a trial, unless the oracle says another number (Hyperband).
        folder: Folder that results go to.
        on_trial: Called with each finished trial's record.
    """

    def __init__(
        self,
        oracle: TimedOracle,
        start: StartTrial,
        epochs: int,
        folder: StudyFolder,
        on_trial: Callable[[TrialRecord], None],
    ) -> None:
        self._start = start
        self._epochs = epochs
        self._folder = folder
        self._on_trial = on_trial
        self._running: dict[str, Future[Trained]] = {}
        with _SILENCE, contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from …"
            super().__init__(
                oracle, directory=str(folder.path.parent), project_name=folder.path.name
            )

    def search(self, slots: Callable[[], int]) -> None:
        """Run trials until the oracle says that the study ends.

        Args:
            slots: Returns the number of trials that may run side by side now.
        """
        self.on_search_begin()
        trials: dict[str, Any] = {}  # by Keras Tuner's name of the slot
        while True:
            self._fill(trials, slots())
            if not trials:
                break
            wait(
                [self._running[trial.trial_id] for trial in trials.values()],
                return_when=FIRST_COMPLETED,
            )
            for tuner, trial in list(trials.items()):
                if self._running[trial.trial_id].done():
                    del trials[tuner]
                    self._try_run_and_update_trial(trial)
                    self.on_trial_end(trial)
        self.on_search_end()

    def _fill(self, trials: dict[str, Any], slots: int) -> None:
        """Start trials in the slots that are free, as long as the oracle has some."""
        for tuner in (f"tuner{slot}" for slot in range(slots)):
            if tuner in trials:
                continue
            trial = self.oracle.create_trial(tuner)
            if trial.status != "RUNNING":  # idle until another trial ends, or stopped
                return
            self.on_trial_begin(trial)
            self._running[trial.trial_id] = self._begin(trial)
            trials[tuner] = trial

    def _begin(self, trial: Any) -> Future[Trained]:
        """Start a trial; one that was killed after its record was written is not trained again."""
        values = trial.hyperparameters.values
        done = self._folder.trial(trial.trial_id)
        if done and done.result and done.values == values:
            future: Future[Trained] = Future()
            future.set_result(Trained(done.result, None))
            return future
        epochs = int(values.get("tuner/epochs", self._epochs))
        return self._start(Hyperparameters.of(values), epochs, f"trial-{trial.trial_id}")

    def run_trial(self, trial: Any, *_: Any, **__: Any) -> dict[str, float]:
        """Take what a trial's training came to, and keep its tail if it is the best so far.

        Args:
            trial: Trial of Keras Tuner whose training has ended.

        Returns:
            Its metrics by name.

        Raises:
            errors.FatalError: The disk failed; the trial is run again when the study goes on.
        """
        try:
            trained = self._running.pop(trial.trial_id).result()
            self._folder.keep_if_best(trained.result, trained.tail)
            values = dict(trial.hyperparameters.values)
            self._folder.write_trial(
                TrialRecord(trial=trial.trial_id, values=values, result=trained.result)
            )
        except OSError as error:
            raise errors.FatalError(f"{self._folder.path}: {error}") from error
        return metrics_of(trained.result)

    def on_trial_end(self, trial: Any) -> None:
        """Report a trial to Keras Tuner, then to `on_trial`.

        Args:
            trial: Trial of Keras Tuner that ended.
        """
        super().on_trial_end(trial)
        ended = self.oracle.get_trial(trial.trial_id)
        if ended.status == "FAILED":
            reason = reason_of(trial.message or ended.message or "")
            values = dict(trial.hyperparameters.values)
            self._folder.write_trial(
                TrialRecord(trial=trial.trial_id, values=values, result=None, note=reason)
            )
        record = self._folder.trial(trial.trial_id)
        if record:
            self._on_trial(record)

    def save(self) -> None:
        """Write Keras Tuner's state; the file changes at once or not at all."""
        self.oracle.save()
        write_json(Path(self._get_tuner_fname()), self.get_state())


def search(
    start: StartTrial,
    folder: StudyFolder,
    oracle: TimedOracle,
    epochs: int,
    on_trial: Callable[[TrialRecord], None],
    slots: Callable[[], int] = lambda: 1,
) -> list[TrialRecord]:
    """Run a study to its end, or go on with it.

    Args:
        start: Function that has one configuration trained.
        folder: Folder of the study.
        oracle: Says what is tried, from `tuning.search.oracles.create`.
        epochs: Number of epochs of a trial, unless the oracle says another number (Hyperband).
        on_trial: Called with each finished trial's record.
        slots: Returns the number of trials that may run side by side now.

    Returns:
        All trials; the best one's tail is kept beside them, see `StudyFolder`.

    Raises:
        errors.FatalError: The disk failed; the study goes on when it is searched again.
    """
    damaged = _drop_damaged_state(folder)
    study = Study(oracle, start, epochs, folder, on_trial)
    if damaged:
        _rebuild(oracle, folder.trials())
    warnings.simplefilter("ignore", ConvergenceWarning)  # of few trials' Gaussian process
    study.search(slots)
    return folder.trials()


def reason_of(trace: str) -> str:
    r"""Return the exception's own line of a traceback, without the rest of a long message.

    Args:
        trace: Traceback as Python prints it, "" for none.

    Example:
        >>> trace = "Traceback (most recent call last):\n  File ...\nValueError: a shape\nmore"
        >>> reason_of(trace)
        'ValueError: a shape'
    """
    lines = trace.rpartition("Traceback (most recent call last):")[2].splitlines()
    return next((line for line in lines if line and not line[0].isspace()), "failed")


def metrics_of(result: TrialResult) -> dict[str, float]:
    """Return the metrics of a result that are reported to Keras Tuner.

    Args:
        result: What a trial reached.

    Example:
        >>> hyperparameters = Hyperparameters(
        ...     depth=1, learning_rate=2e-4, head_units=64, dropout=0.3
        ... )
        >>> result = TrialResult(
        ...     hyperparameters=hyperparameters, val_accuracy=0.9, val_auc=0.95, val_brier=0.08,
        ...     val_loss=0.3, epochs=2, seconds=12.3,
        ... )
        >>> metrics_of(result)["val_brier"]
        0.08
    """
    return {
        "val_brier": result.val_brier,
        "val_accuracy": result.val_accuracy,
        "val_auc": result.val_auc,
        "val_loss": result.val_loss,
    }


def _drop_damaged_state(folder: StudyFolder) -> bool:
    """Remove all of Keras Tuner's state files if one of them can't be read or is missing."""
    trials = folder.state_paths()
    state = [folder.oracle, folder.tuner]
    if not trials and not any(path.exists() for path in state):
        return False
    if all(read_json(path) is not None for path in (*state, *trials)):
        return False
    for path in (*state, *trials):
        path.unlink(missing_ok=True)
    return True


def _rebuild(oracle: TimedOracle, trials: Sequence[TrialRecord]) -> None:
    """Put the recorded trials into a fresh oracle, as if it had seen them.

    Trials keep their numbers: a gap (a record that is damaged as well) is filled by a failed trial,
    so that no identifier is used twice.
    """
    known = {record.trial: record for record in trials}
    last = max(map(int, known), default=-1)
    for number in range(last + 1):
        name = oracle.trial_name(number)
        record = known.get(name)
        space = oracle.get_space()
        space.values = dict(record.values) if record else {}
        trial = keras_tuner.engine.trial.Trial(space, trial_id=name, status="FAILED")
        trial.message = record.note if record else "its files were damaged"
        if record and record.result:
            trial.status = "COMPLETED"
            for metric, value in metrics_of(record.result).items():
                trial.metrics.register(metric, direction="min" if "auc" not in metric else "max")
                trial.metrics.update(metric, value)
            trial.score = record.result.val_brier
        oracle.adopt(trial)
    oracle.save()
