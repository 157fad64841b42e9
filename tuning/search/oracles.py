"""Keras Tuner's oracles, held to the study's plan of fine-tuning depths and to its time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles

from data.atomic import write_json
from tuning.runs.settings import Algorithm
from tuning.training.early_stopping import OBJECTIVE

_INITIAL_POINTS = 4
_POINTS = 2000  # that the Bayesian algorithm picks each trial from
_FIT_RESTARTS = 3  # of its Gaussian process's fit
_MANY = 10**6
_ZERO = 1 << 20  # Keras Tuner takes 0 for no seed, and draws one


def search_space(max_depth: int) -> keras_tuner.HyperParameters:
    """Return the hyperparameters of a study, see `tuning.runs.schema.Hyperparameters`.

    Args:
        max_depth: Largest fine-tuning depth, 0 for heads alone.

    Example:
        >>> [choice.name for choice in search_space(2).space]
        ['depth', 'learning_rate', 'head_units', 'dropout']
    """
    space = keras_tuner.HyperParameters()
    space.Int("depth", 0, max_depth) if max_depth else space.Fixed("depth", 0)
    space.Float("learning_rate", 5e-5, 1e-3, sampling="log", default=2e-4)
    space.Choice("head_units", [0, 64, 128, 256, 512], ordered=True, default=256)
    space.Float("dropout", 0.1, 0.5, step=0.1, default=0.3)
    return space


def create(
    algorithm: Algorithm,
    depths: tuple[int, ...],
    epochs: int,
    seed: int,
    out_of_time: Callable[[], bool],
) -> TimedOracle:
    """Make an oracle for a study.

    Args:
        algorithm: Keras Tuner's algorithm. Hyperband picks depths by itself among the planned ones.
        depths: Fine-tuning depth of each trial, in order.
        epochs: Number of epochs of a full trial.
        seed: Seed of the oracle's random numbers.
        out_of_time: Called before each trial but the first; the study ends when it returns true.

    Example:
        >>> oracle = create("random", depths=(0, 0, 1), epochs=2, seed=0, out_of_time=lambda: False)
        >>> oracle.max_trials, oracle.objective.name
        (3, 'val_brier')
    """
    common: dict[str, Any] = {
        "objective": keras_tuner.Objective(OBJECTIVE, "min"),
        "hyperparameters": search_space(max(depths)),
        "seed": seed or _ZERO,
        "allow_new_entries": False,
        "max_consecutive_failed_trials": _MANY,  # a failure is recorded and the study goes on
    }
    if algorithm == "hyperband":
        oracle = _Hyperband(max_epochs=epochs, factor=3, **common)
    elif algorithm == "bayesian":
        oracle = _Bayesian(max_trials=len(depths), num_initial_points=_INITIAL_POINTS, **common)
    else:
        oracle = _Random(max_trials=len(depths), **common)
    oracle.depths = depths
    oracle.out_of_time = out_of_time
    oracle.verbose = 0
    return oracle


class TimedOracle(keras_tuner.Oracle):
    """Mixin: starts no trial after the study's time; its files change at once or not at all.

    Attributes:
        depths: Fine-tuning depth of each planned trial, in order.
        out_of_time: Called before each trial but the first; the study ends when it returns true.

    Example:
        >>> oracle = create("random", (0,) * 12, epochs=2, seed=0, out_of_time=lambda: True)
        >>> oracle.trial_name(3)
        '03'
    """

    depths: tuple[int, ...]
    out_of_time: Callable[[], bool]

    def trial_name(self, number: int) -> str:
        """Return Keras Tuner's identifier of a trial.

        Args:
            number: Number of the trial, from 0.
        """
        return f"{number:0{len(str(self.max_trials))}d}"

    def adopt(self, trial: Any) -> None:
        """Take a finished trial from elsewhere as one of its own.

        Args:
            trial: Trial of Keras Tuner, with its status and score.
        """
        self.trials[trial.trial_id] = trial
        self.start_order.append(trial.trial_id)
        self.end_order.append(trial.trial_id)
        self._record_values(trial)
        self._save_trial(trial)

    def reload(self) -> None:
        """Read the state; a trial that was begun by a process killed before it was there runs."""
        super().reload()
        for name, trial in sorted(self.trials.items()):
            if trial.status == "RUNNING" and name not in self._retry_queue:
                self._retry_queue.append(name)
                self.start_order.append(name)

    def save(self) -> None:
        """Write the oracle's state, at once or not at all."""
        write_json(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        write_json(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the next trial's values in Keras Tuner's own form, or that the study ends.

        Args:
            trial_id: Identifier of the next trial.
        """
        if self.trials and self.out_of_time():
            return {"status": "STOPPED"}
        return self.suggest(trial_id)

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Return what Keras Tuner's algorithm would try next.

        Args:
            trial_id: Identifier of the next trial.
        """
        return super().populate_space(trial_id)


class _Planned(TimedOracle):
    """Mixin: the n-th trial has the plan's n-th depth.

    The first trial at a depth starts from known ground: the defaults at depth 0, then the best
    configuration so far, of a head alone with the default learning rate, as its own says nothing
    about stages. The others are the algorithm's own.
    """

    def suggest(self, trial_id: str) -> dict[str, Any]:
        depth = self.planned_depth()
        if depth not in self.depths[: len(self.trials)]:
            return {"status": "RUNNING", "values": {**self._known_ground(depth), "depth": depth}}
        suggestion = super().suggest(trial_id)
        if suggestion["status"] == "RUNNING":
            suggestion["values"]["depth"] = depth
        return suggestion

    def planned_depth(self) -> int:
        return self.depths[min(len(self.trials), len(self.depths) - 1)]

    def _known_ground(self, depth: int) -> dict[str, Any]:
        defaults = {hp.name: hp.default for hp in self.hyperparameters.space}
        best = self.get_best_trials(1)
        if not (depth and best):
            return defaults
        known = best[0].hyperparameters.values
        return known if known["depth"] else {**known, "learning_rate": defaults["learning_rate"]}


class _Random(_Planned, oracles.RandomSearchOracle):
    pass


class _OneShot(oracles.BayesianOptimizationOracle):
    """Takes the best of many random points, all scored in one call.

    Keras Tuner descends from fifty points by numerical gradients, which lasts longer than a head
    trains; in so few dimensions that finds nothing better.
    """

    def populate_space(self, _: str) -> dict[str, Any]:
        done = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        if len(done) < self.num_initial_points:
            return self._random_populate_space()
        self.gpr.fit(*self._vectorize_trials())
        low, high = self._get_hp_bounds().T
        points = self._random_state.uniform(low, high, (_POINTS, len(low)))
        mean, std = self.gpr.predict(points, return_std=True)
        best = points[np.argmin(mean - self.beta * std)]
        return {"status": "RUNNING", "values": self._vector_to_values(best)}

    def _make_gpr(self) -> Any:
        return super()._make_gpr().set_params(n_restarts_optimizer=_FIT_RESTARTS)


class _Bayesian(_Planned, _OneShot):
    """Scores points at the planned depth only."""

    def _get_hp_bounds(self) -> np.ndarray:
        bounds = super()._get_hp_bounds().astype(np.float64)
        for row, hp in zip(bounds, self._nonfixed_space(), strict=True):
            if hp.name == "depth":
                row[:] = hp.value_to_prob(self.planned_depth())
        return bounds


class _Hyperband(TimedOracle, oracles.HyperbandOracle):
    pass
