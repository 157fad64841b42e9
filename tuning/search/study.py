"""One backbone's study: Keras Tuner's oracle, asked for trials and told what came of each leg."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from typing import Any

import keras_tuner
from sklearn.exceptions import ConvergenceWarning

from data.atomic import read_json
from tuning.runs.schema import TrialRecord, TrialResult
from tuning.runs.study_folder import StudyFolder
from tuning.search.oracles import OBJECTIVE, SearchOracle
from tuning.search.steps import Trained

_SILENCE = threading.Lock()  # standard output is one for all searches of the process


class Study:
    """The trials of a backbone. It goes on where it was when it is made again on the same folder.

    What a leg came to is written at once: tail, checkpoint, record, Keras Tuner's state, in this
    order, so that whatever is written last says no more than what is there.

    Args:
        folder: Folder that everything goes to.
        oracle: Says what is tried, from `tuning.search.oracles.create`.

    Attributes:
        folder: Folder of the study.
        trials: All trials by identifier, in order.
    """

    def __init__(self, folder: StudyFolder, oracle: SearchOracle) -> None:
        self.folder = folder
        self._oracle = oracle
        folder.make()
        records = folder.trials()
        damaged = _drop_damaged_state(folder)
        oracle._set_project_dir(str(folder.path.parent), folder.path.name)
        if damaged:
            _rebuild(oracle, folder, records)
        elif folder.oracle.exists():
            with _SILENCE, contextlib.redirect_stdout(io.StringIO()):
                oracle.reload()
        self.trials = {record.trial: record for record in records}
        for trial in oracle.open_trials():
            self._take_up(trial)
        warnings.simplefilter("ignore", ConvergenceWarning)  # of few trials' Gaussian process

    def ask(self, start: str | None = None, from_pixels: bool = False) -> TrialRecord | None:
        """Begin a trial that the oracle proposes.

        Args:
            start: Identifier of the trial with whose weights it begins, None for its own head's.
            from_pixels: Whether it trains on all images from pixels.

        Returns:
            The trial, None where the oracle has nothing more to propose.

        Raises:
            OSError: Its record cannot be written.
        """
        trial = self._oracle.create_trial(f"trial {len(self.trials)}")
        if trial.status != "RUNNING":
            return None
        values = dict(trial.hyperparameters.values)
        record = TrialRecord(
            trial=trial.trial_id, values=values, result=None, start=start, from_pixels=from_pixels
        )
        self._write(record)
        return record

    def tell(self, trial: str, trained: Trained, ended: str = "") -> TrialRecord:
        """Keep what a leg of a trial came to.

        Args:
            trial: Identifier of the trial.
            trained: Its result so far, and its weights.
            ended: Why no further leg is trained, empty where it may go on.

        Raises:
            OSError: It cannot be written; the trial is then where it was before the leg.
        """
        if trained.tail is not None:
            self.folder.write_tail(trial, trained.tail)
        if trained.checkpoint is not None:
            self.folder.write_checkpoint(trial, trained.checkpoint)
        before = self.trials[trial]
        record = before.model_copy(update={"result": trained.result, "ended": ended})
        self._write(record)
        self._score(record)
        if ended and not before.ended:  # a head may be solved again, on more images
            self._end(trial, "COMPLETED")
        return record

    def end(self, trial: str, why: str) -> TrialRecord:
        """Train no further leg of a trial.

        Args:
            trial: Identifier of the trial.
            why: Reason in a word or a line.

        Raises:
            OSError: It cannot be written.
        """
        record = self.trials[trial].model_copy(update={"ended": why})
        self._write(record)
        self._end(trial, "COMPLETED" if record.result else "FAILED", why)
        return record

    def best(self) -> TrialRecord | None:
        """Return the best trial so far, None without any."""
        scored = [record for record in self.trials.values() if record.result]
        return min(scored, key=lambda record: record.score, default=None)

    def _write(self, record: TrialRecord) -> None:
        self.folder.write_trial(record)
        self.trials[record.trial] = record

    def _score(self, record: TrialRecord) -> None:
        trial = self._oracle.get_trial(record.trial)
        _score(trial, record)
        self._oracle._save_trial(trial)

    def _end(self, name: str, status: str, message: str | None = None) -> None:
        trial = self._oracle.get_trial(name)
        trial.status, trial.message = status, message
        self._oracle.end_trial(trial)

    def _take_up(self, trial: Any) -> None:
        """Go on with a trial; one whose record was lost, or written last, is put right."""
        record = self.trials.get(trial.trial_id)
        if record is None:
            self._write(
                TrialRecord(trial=trial.trial_id, values=trial.hyperparameters.values, result=None)
            )
        elif record.ended:
            self._score(record)
            self._end(trial.trial_id, "COMPLETED" if record.result else "FAILED", record.ended)


def metrics_of(result: TrialResult) -> dict[str, float]:
    """Return the metrics of a result that are reported to Keras Tuner.

    Args:
        result: What a trial reached.
    """
    return {
        OBJECTIVE: result.score,
        "val_brier": result.val_brier,
        "val_accuracy": result.val_accuracy,
        "val_auc": result.val_auc,
        "val_loss": result.val_loss,
    }


def _drop_damaged_state(folder: StudyFolder) -> bool:
    """Remove all of Keras Tuner's state files if one of them can't be read or is missing."""
    paths = folder.state_paths()
    if not paths and not folder.oracle.exists():
        return bool(folder.record_paths())
    oracle, trials = read_json(folder.oracle), [read_json(path) for path in paths]
    if all(isinstance(state, dict) for state in (oracle, *trials)):
        there = {trial["trial_id"] for trial in trials}
        if there.issuperset(oracle["start_order"]):
            return False
    for path in (folder.oracle, *paths):
        path.unlink(missing_ok=True)
    return True


def _rebuild(oracle: SearchOracle, folder: StudyFolder, records: list[TrialRecord]) -> None:
    """Put the recorded trials into a fresh oracle, as if it had seen them.

    Trials keep their numbers: a gap (a record that is damaged as well) is filled by a failed trial,
    so that no identifier is used twice.
    """
    known = {int(record.trial): record for record in records}
    for number in range(max(folder.numbers(), default=-1) + 1):
        record = known.get(number)
        space = oracle.get_space()
        space.values = dict(record.values) if record else {}
        name = record.trial if record else f"{number:04d}"
        trial = keras_tuner.engine.trial.Trial(space, trial_id=name, status="FAILED")
        trial.message = record.ended if record else "its files were damaged"
        if record and record.status != "failed":
            _score(trial, record)
        oracle.adopt(trial)
    oracle.save()


def _score(trial: Any, record: TrialRecord) -> None:
    trial.status = "COMPLETED" if record.ended else "RUNNING"
    if record.result is None:
        return
    trial.metrics = type(trial.metrics)()  # the last result alone counts
    for metric, value in metrics_of(record.result).items():
        higher_is_better = metric in ("val_accuracy", "val_auc")
        trial.metrics.register(metric, direction="max" if higher_is_better else "min")
        trial.metrics.update(metric, value)
    trial.score = record.result.score
