"""The folder of one backbone's study: its trials, their weights, and the images it has come to.

Keras Tuner's files there hold its state; ours hold the results, so that the state can be made again
from them when a file of it is damaged.
"""

from __future__ import annotations

from pathlib import Path

from data.atomic import replacing
from data.records import read_record, write_record
from tuning.runs.schema import SearchImages, TrialRecord

_RECORD, _TAIL, _CHECKPOINT = "record.json", "tail.npz", "checkpoint.npz"


class StudyFolder:
    """`artifacts/runs/<run>/studies/<backbone>`, which is Keras Tuner's project folder as well.

    Args:
        path: Path of the folder.

    Attributes:
        path: Path of the folder.
        images: JSON of the images that trials work on by now.
        out_of_fold: CSV of predictions for the training images, see `tuning.suspects`.
        oracle: Keras Tuner's state of its oracle.

    Example:
        >>> import tempfile
        >>> folder = StudyFolder(Path(tempfile.mkdtemp()))
        >>> values = {"stages": 4, "depth": 0, "grid": 6, "learning_rate": 1e-4}
        >>> values |= {"head_units": 64, "dropout": 0.3}
        >>> folder.write_trial(TrialRecord(trial="0", values=values, result=None, ended="diverged"))
        >>> [(record.trial, record.status) for record in folder.trials()]
        [('0', 'failed')]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.images = path / "images.json"
        self.out_of_fold = path / "out_of_fold.csv"
        self.oracle = path / "oracle.json"

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

    def numbers(self) -> list[int]:
        """Return the number of each trial that was begun, whatever is left of it, in order."""
        names = (path.name.removeprefix("trial_") for path in self.path.glob("trial_*"))
        return sorted(int(name) for name in names if name.isdecimal())

    def record_paths(self) -> list[Path]:
        """Return the record's path of each trial, in order."""
        return sorted(self.path.glob(f"trial_*/{_RECORD}"))

    def record_path(self, trial: str) -> Path:
        """Return the path of a trial's record.

        Args:
            trial: Keras Tuner's identifier of the trial.
        """
        return self._of(trial) / _RECORD

    def trials(self) -> list[TrialRecord]:
        """Return every trial whose record can be read, in order."""
        records = (read_record(path, TrialRecord) for path in self.record_paths())
        return [record for record in records if record]

    def write_trial(self, record: TrialRecord) -> None:
        """Keep a trial's record.

        Args:
            record: Values and result of the trial.

        Raises:
            OSError: It cannot be written.
        """
        write_record(self.record_path(record.trial), record)

    def read_tail(self, trial: str) -> bytes | None:
        """Return the weights of a trial's tail at its best leg, None where they are not kept.

        Args:
            trial: Keras Tuner's identifier of the trial.
        """
        return _read(self._of(trial) / _TAIL)

    def write_tail(self, trial: str, content: bytes) -> None:
        """Keep the weights of a trial's tail, see `tuning.training.tail_weights`.

        Args:
            trial: Keras Tuner's identifier of the trial.
            content: The weights.

        Raises:
            OSError: They cannot be written; those before are still there.
        """
        _write(self._of(trial) / _TAIL, content)

    def read_checkpoint(self, trial: str) -> bytes | None:
        """Return how far a trial's training is, None where that is not kept.

        Args:
            trial: Keras Tuner's identifier of the trial.
        """
        return _read(self._of(trial) / _CHECKPOINT)

    def write_checkpoint(self, trial: str, content: bytes) -> None:
        """Keep how far a trial's training is, see `tuning.training.checkpoint`.

        Args:
            trial: Keras Tuner's identifier of the trial.
            content: The checkpoint.

        Raises:
            OSError: It cannot be written; the one before is still there.
        """
        _write(self._of(trial) / _CHECKPOINT, content)

    def drop_weights(self, trial: str, tail: bool) -> None:
        """Delete what a trial that has ended would need to go on.

        Args:
            trial: Keras Tuner's identifier of the trial.
            tail: Whether its tail goes as well: it is neither the best nor another one's start.
        """
        (self._of(trial) / _CHECKPOINT).unlink(missing_ok=True)
        if tail:
            (self._of(trial) / _TAIL).unlink(missing_ok=True)

    def read_images(self) -> SearchImages | None:
        """Return the images that trials work on by now, None at the beginning."""
        return read_record(self.images, SearchImages)

    def write_images(self, images: SearchImages) -> None:
        """Keep the images that trials work on by now.

        Args:
            images: Number of images and views.
        """
        write_record(self.images, images)

    def _of(self, trial: str) -> Path:
        return self.path / f"trial_{trial}"


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as new:
        new.write_bytes(content)
