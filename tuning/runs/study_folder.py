"""The folder of one backbone's study: plan, trials, refit, and the best trial's weights.

Keras Tuner's files there hold its state; ours hold the results, so that the state can be made again
from them when a file of it is damaged.
"""

from __future__ import annotations

from pathlib import Path

from data.atomic import replacing
from data.records import read_record, write_record
from tuning.runs.schema import RefitRecord, StudyPlan, TrialRecord, TrialResult

_TRIAL_RECORD = "record.json"


class StudyFolder:
    """`artifacts/runs/<run>/studies/<backbone>`, which is Keras Tuner's project folder as well.

    Args:
        path: Path of the folder.

    Attributes:
        path: Path of the folder.
        plan: JSON of the planned trials, written when the trunk cache is complete.
        refit: JSON of the refit.
        checkpoint: How far a refit is that is not done, see `tuning.training.legs`.
        out_of_fold: CSV of predictions for the training images, see `tuning.suspects`.
        best_weights: Weights of the best tail so far, HDF5.
        oracle: Keras Tuner's state of its oracle.
        tuner: Keras Tuner's state of its tuner.

    Example:
        >>> import tempfile
        >>> folder = StudyFolder(Path(tempfile.mkdtemp()))
        >>> values = {"depth": 0, "learning_rate": 1e-3, "head_units": 64, "dropout": 0.3}
        >>> folder.write_trial(TrialRecord(trial="0", values=values, result=None, note="diverged"))
        >>> [(record.trial, record.status) for record in folder.trials()]
        [('0', 'failed')]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan = path / "plan.json"
        self.refit = path / "refit.json"
        self.checkpoint = path / "refit.npz"
        self.out_of_fold = path / "out_of_fold.csv"
        self.best_weights = path / "best.weights.h5"
        self.oracle = path / "oracle.json"
        self.tuner = path / "tuner0.json"
        self._best = path / "best.json"

    @property
    def backbone(self) -> str:
        """Name of the backbone that is studied."""
        return self.path.name

    def make(self) -> None:
        """Make the folder, if it is not there."""
        self.path.mkdir(parents=True, exist_ok=True)

    def state_paths(self) -> list[Path]:
        """Return Keras Tuner's state file of each trial."""
        return list(self.path.glob("trial_*/trial.json"))

    def record_paths(self) -> list[Path]:
        """Return the record's path of each finished trial, in order."""
        return sorted(self.path.glob(f"trial_*/{_TRIAL_RECORD}"))

    def trials(self) -> list[TrialRecord]:
        """Return every finished trial whose record can be read, in order."""
        records = (read_record(path, TrialRecord) for path in self.record_paths())
        return [record for record in records if record]

    def trial(self, identifier: str) -> TrialRecord | None:
        """Return a finished trial, None if it has no record that can be read.

        Args:
            identifier: Keras Tuner's identifier of the trial.
        """
        return read_record(self.trial_path(identifier), TrialRecord)

    def write_trial(self, record: TrialRecord) -> None:
        """Keep a finished trial's record.

        Args:
            record: Values and result of the trial.
        """
        write_record(self.trial_path(record.trial), record)

    def read_plan(self) -> StudyPlan | None:
        """Return the planned trials, None if there is no plan yet."""
        return read_record(self.plan, StudyPlan)

    def write_plan(self, plan: StudyPlan) -> None:
        """Keep the planned trials.

        Args:
            plan: Depths of the trials, and what they were planned from.
        """
        write_record(self.plan, plan)

    def read_refit(self) -> RefitRecord | None:
        """Return the refit, None if it has not been done."""
        return read_record(self.refit, RefitRecord)

    def write_refit(self, refit: RefitRecord) -> None:
        """Keep the refit's record.

        Args:
            refit: Result of the refit, and whose weights were kept.
        """
        write_record(self.refit, refit)
        self.checkpoint.unlink(missing_ok=True)

    def read_checkpoint(self) -> bytes | None:
        """Return how far the refit is, None if it has not begun."""
        return self.checkpoint.read_bytes() if self.checkpoint.exists() else None

    def write_checkpoint(self, content: bytes) -> None:
        """Keep how far the refit is.

        Args:
            content: Checkpoint of the refit.

        Raises:
            OSError: It cannot be written.
        """
        with replacing(self.checkpoint) as new:
            new.write_bytes(content)

    def best(self) -> TrialResult | None:
        """Return the result of the training whose weights are kept, None if there is none yet."""
        return read_record(self._best, TrialResult) if self.best_weights.exists() else None

    def keep_if_best(
        self, result: TrialResult, tail: bytes | None, best: TrialResult | None = None
    ) -> bool:
        """Keep a tail's weights in place of the best so far if its result is better.

        Args:
            result: Best epoch of the training on the validation split.
            tail: Weights of the trained tail, HDF5; None where they cannot be the best.
            best: What the best so far reaches on the same images, where that is not `best()`.

        Returns:
            Whether they are kept.

        Raises:
            OSError: The weights cannot be written.
        """
        best = best or self.best()
        if tail is None or (best and best.val_brier <= result.val_brier):
            return False
        with replacing(self.best_weights) as new:
            new.write_bytes(tail)
            self._best.unlink(missing_ok=True)
        write_record(self._best, result)
        return True

    def trial_path(self, identifier: str) -> Path:
        """Return the path of a finished trial's record.

        Args:
            identifier: Keras Tuner's identifier of the trial.
        """
        return self.path / f"trial_{identifier}" / _TRIAL_RECORD
