"""A study's own memory: one file a trial, and the best trial's weights.

Keras Tuner's files hold its state; these hold the results, so that the state can be made again
from them when a file of it is damaged.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
from filelock import FileLock

from data.atomic import read_json, replacing, write_json

BEST_WEIGHTS = "best.weights.h5"
_BEST = "best.json"
_RECORD = "record.json"


@dataclass(frozen=True)
class Hyperparameters:
    """What the search chooses.

    Attributes:
        depth: fine-tuning depth; the last `depth` stages train, 0 trains the head alone.
        learning_rate: peak rate of the fine-tuned stages; at depth 0 the head's is ten times it.
        head_units: width of the head's hidden layer, 0 for none.
        dropout: rate before each dense layer of the head.
    """

    depth: int
    learning_rate: float
    head_units: int
    dropout: float


@dataclass
class TrialResult:
    """What a trial reached: its best epoch on the validation split.

    Attributes:
        val_accuracy: at p = 0.5, 0..1.
        val_auc: area under the ROC curve, 0..1.
        val_brier: mean squared error of p_man (Brier, 1950), 0..1; the search's objective.
        val_loss: cross-entropy, nats.
        epochs: run, of the fine-tuned part (of the head at depth 0).
        seconds: wall time.
        history: a row an epoch.
    """

    hyperparameters: Hyperparameters
    val_accuracy: float
    val_auc: float
    val_brier: float
    val_loss: float
    epochs: int
    seconds: float
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class TrialRecord:
    """A finished trial.

    Attributes:
        trial: Keras Tuner's identifier.
        values: Keras Tuner's hyperparameter values.
        result: None when it failed.
        note: why it failed, one line.
    """

    trial: str
    values: dict[str, Any] = field(hash=False)
    result: TrialResult | None
    note: str = ""

    @property
    def status(self) -> str:
        """ "completed" or "failed"."""
        return "failed" if self.result is None else "completed"

    @property
    def hyperparameters(self) -> Hyperparameters:
        """What was tried."""
        return hyperparameters_of(self.values)


class Records:
    """The finished trials of one study.

    Args:
        folder: of the study.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.weights = folder / BEST_WEIGHTS

    def all(self) -> list[TrialRecord]:
        """Every readable record, in the order of the trials."""
        paths = sorted(self.folder.glob(f"trial_*/{_RECORD}"))
        return [_record_of(content) for content in map(read_json, paths) if content]

    def of(self, trial: str) -> TrialRecord | None:
        """The record of one trial, None if there is none that can be read."""
        content = read_json(self._path(trial))
        return _record_of(content) if content else None

    def write(self, record: TrialRecord) -> None:
        """Keep a trial's record."""
        write_json(self._path(record.trial), asdict(record))

    def best(self) -> TrialResult | None:
        """The result whose weights are kept."""
        content = read_json(self.folder / _BEST)
        return result_of(content) if content and self.weights.exists() else None

    def keep_if_best(self, result: TrialResult, tail: keras.Model) -> bool:
        """Keep a tail's weights instead of the best so far if its result is better."""
        with FileLock(self.folder / ".best.lock"):
            best = self.best()
            if best and best.val_brier <= result.val_brier:
                return False
            with replacing(self.weights) as new:
                tail.save_weights(new)
                (self.folder / _BEST).unlink(missing_ok=True)
            write_json(self.folder / _BEST, asdict(result))
        return True

    def _path(self, trial: str) -> Path:
        return self.folder / f"trial_{trial}" / _RECORD


def hyperparameters_of(values: dict[str, Any]) -> Hyperparameters:
    """From Keras Tuner's values."""
    return Hyperparameters(
        depth=int(values["depth"]),
        learning_rate=float(values["learning_rate"]),
        head_units=int(values["head_units"]),
        dropout=round(float(values["dropout"]), 3),
    )


def result_of(content: dict[str, Any]) -> TrialResult:
    """From JSON."""
    hyperparameters = Hyperparameters(**content["hyperparameters"])
    return TrialResult(**{**content, "hyperparameters": hyperparameters})


def _record_of(content: dict[str, Any]) -> TrialRecord:
    result = content["result"]
    return TrialRecord(
        content["trial"], content["values"], result_of(result) if result else None, content["note"]
    )
