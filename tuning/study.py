"""One backbone's study: Keras Tuner over fine-tuning depth, learning rate and head."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import keras_tuner
from keras_tuner.engine import base_tuner

from tuning import oracles
from tuning.files import read_json, write_json
from tuning.trial import OBJECTIVE, Hyperparameters, TrialResult

BEST_WEIGHTS = "best.weights.h5"
_BEST = "best.json"
_RESULT = "result.json"


class RunTrial(Protocol):
    """Trains one configuration; returns its result and the trained tail."""

    def __call__(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> tuple[TrialResult, keras.Model]:
        """Train `hyperparameters` for `epochs`; `name` is for messages."""
        ...


@dataclass(frozen=True)
class TrialRecord:
    """One row of a study, finished or failed.

    Attributes:
        trial: Keras Tuner's identifier.
        status: "completed", "failed" or "running".
        result: None unless completed.
        note: why it failed, one line.
    """

    trial: str
    status: str
    hyperparameters: Hyperparameters
    result: TrialResult | None
    note: str


class Study(base_tuner.BaseTuner):
    """Keras Tuner's loop over trials that run on cached activations.

    Only the best trial's tail is kept on disk. The study goes on where it was when it is made
    again on the same folder.

    Args:
        oracle: from `tuning.oracles.create`.
        run: trains one configuration.
        epochs: of a trial, unless the oracle says another number (Hyperband).
        folder: of the study.
        on_trial: called with each finished trial's record.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        run: RunTrial,
        epochs: int,
        folder: Path,
        on_trial: Callable[[TrialRecord], None],
    ) -> None:
        self._run = run
        self._epochs = epochs
        self._on_trial = on_trial
        with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner from …"
            super().__init__(oracle, directory=str(folder.parent), project_name=folder.name)
        self._folder = folder

    def run_trial(self, trial: Any, *_: Any, **__: Any) -> dict[str, float]:
        """Train a trial's configuration and keep its tail if it is the best so far."""
        values = trial.hyperparameters.values
        epochs = int(values.get("tuner/epochs", self._epochs))
        result, tail = self._run(hyperparameters_of(values), epochs, f"trial-{trial.trial_id}")
        write_json(self._trial_folder(trial.trial_id) / _RESULT, result.to_dict())
        best = best_of(self._folder)
        if best is None or result.val_brier < best.val_brier:
            save_best(self._folder, result, tail)
        return {
            OBJECTIVE: result.val_brier,
            "val_accuracy": result.val_accuracy,
            "val_auc": result.val_auc,
            "val_loss": result.val_loss,
        }

    def on_trial_end(self, trial: Any) -> None:
        """Tell Keras Tuner, then whoever watches."""
        super().on_trial_end(trial)
        self._on_trial(self._record(self.oracle.get_trial(trial.trial_id)))

    def records(self) -> list[TrialRecord]:
        """All trials in the order of their start."""
        return [self._record(self.oracle.trials[name]) for name in self.oracle.start_order]

    def _record(self, trial: Any) -> TrialRecord:
        status = {"COMPLETED": "completed", "FAILED": "failed", "INVALID": "failed"}.get(
            trial.status, "running"
        )
        content = read_json(self._trial_folder(trial.trial_id) / _RESULT)
        result = result_of(content) if content and status == "completed" else None
        note = (trial.message or "").strip().splitlines()
        return TrialRecord(
            trial.trial_id,
            status,
            hyperparameters_of(trial.hyperparameters.values),
            result,
            note[-1] if note and status == "failed" else "",
        )

    def _trial_folder(self, trial: str) -> Path:
        return self._folder / f"trial_{trial}"


def search(
    run: RunTrial,
    *,
    folder: Path,
    algorithm: str,
    depths: Sequence[int],
    epochs: int,
    seed: int,
    out_of_time: Callable[[], bool],
    on_trial: Callable[[TrialRecord], None],
) -> list[TrialRecord]:
    """Run a study to its end, or go on with it.

    Args:
        run: trains one configuration.
        folder: of the study.
        algorithm: of `oracles.ALGORITHMS`.
        depths: the plan, a fine-tuning depth a trial.
        epochs: of a trial.
        seed: of the oracle.
        out_of_time: asked before each trial; true ends the study.
        on_trial: called with each finished trial.

    Returns:
        all trials. The best one's tail is in the folder, as `BEST_WEIGHTS`.
    """
    oracle = oracles.create(algorithm, tuple(depths), epochs, seed, out_of_time)
    study = Study(oracle, run, epochs, folder, on_trial)
    study.search(verbose=0)
    return study.records()


def save_best(folder: Path, result: TrialResult, tail: keras.Model) -> None:
    """Keep a tail and its result as a study's best."""
    partial = folder / f"partial.{BEST_WEIGHTS}"
    tail.save_weights(partial)
    partial.replace(folder / BEST_WEIGHTS)
    write_json(folder / _BEST, result.to_dict())


def best_of(folder: Path) -> TrialResult | None:
    """The best result of a study so far."""
    content = read_json(folder / _BEST)
    return result_of(content) if content else None


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
