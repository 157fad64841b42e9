"""Keras Tuner's oracles: what is tried next, first on known ground, then by its algorithms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles

from data.atomic import write_json
from tuning.runs.schema import TunerValues
from tuning.runs.settings import Algorithm

OBJECTIVE = "score"  # see `tuning.runs.schema.TrialResult`; finer than accuracy

_INITIAL_POINTS = 4
_POINTS = 2000  # that the Bayesian algorithm picks each trial from
_FIT_RESTARTS = 3  # of its Gaussian process's fit
_MANY = 10**6
_ZERO = 1 << 20  # Keras Tuner takes 0 for no seed, and draws one
_DEEPEST = 3  # stages that the algorithm proposes to train; more cost much and bring little

Grids = Mapping[int, Sequence[int]]
"""Grids that a head may have behind each number of stages."""


def search_space(grids: Grids) -> keras_tuner.HyperParameters:
    """Return the hyperparameters of a study, see `tuning.runs.schema.Hyperparameters`.

    Args:
        grids: Grids that a head may have behind each number of stages that it may sit behind.

    Example:
        >>> [choice.name for choice in search_space({3: (1, 6), 4: (1, 3)}).space]
        ['stages', 'depth', 'grid', 'learning_rate', 'head_units', 'dropout']
    """
    space = keras_tuner.HyperParameters()
    space.Choice("stages", sorted(grids), ordered=True)
    space.Int("depth", 0, min(_DEEPEST, max(grids)))
    space.Choice("grid", sorted({grid for of in grids.values() for grid in of}), ordered=True)
    space.Float("learning_rate", 5e-5, 6e-4, sampling="log", default=1e-4)
    space.Choice("head_units", [0, 64, 256], ordered=True, default=0)
    space.Float("dropout", 0.0, 0.5, step=0.1, default=0.3)
    return space


def possible(values: TunerValues, grids: Grids, frozen: int) -> TunerValues:
    """Return the nearest values that a model can have: stages to train, and a grid of the map.

    Args:
        values: Values of each hyperparameter, each of them possible by itself.
        grids: Grids that a head may have behind each number of stages.
        frozen: Number of stages that never train.

    Example:
        >>> possible({"stages": 2, "depth": 3, "grid": 4}, {2: (1, 2, 6)}, frozen=0)
        {'stages': 2, 'depth': 2, 'grid': 2}
    """
    stages, depth, grid = (int(values[name]) for name in ("stages", "depth", "grid"))
    nearest = min(grids[stages], key=lambda possible: abs(possible - grid))
    return {**values, "depth": max(1, min(depth, stages - frozen)), "grid": nearest}


def create(
    algorithm: Algorithm,
    grids: Grids,
    frozen: int,
    seed: int,
    known_ground: Callable[[], TunerValues | None],
) -> SearchOracle:
    """Make an oracle for a study.

    Args:
        algorithm: Keras Tuner's algorithm, by which fine-tuned trials are proposed.
        grids: Grids that a head may have behind each number of stages.
        frozen: Number of stages that never train.
        seed: Seed of the oracle's random numbers.
        known_ground: Returns the values of the next trial where they are known to be worth it, None
            to leave it to the algorithm.

    Example:
        >>> oracle = create("random", {3: (1, 6)}, 0, seed=0, known_ground=lambda: None)
        >>> oracle.populate_space("0000")["values"]["stages"], oracle.objective.name
        (3, 'score')
    """
    common: dict[str, Any] = {
        "objective": keras_tuner.Objective(OBJECTIVE, "min"),
        "hyperparameters": search_space(grids),
        "max_trials": None,
        "seed": seed or _ZERO,
        "allow_new_entries": False,
        "max_consecutive_failed_trials": _MANY,  # a failure is recorded and the study goes on
    }
    if algorithm == "bayesian":
        oracle: SearchOracle = _Bayesian(num_initial_points=_INITIAL_POINTS, **common)
    else:
        oracle = _Random(**common)
    oracle.grids, oracle.frozen, oracle.known_ground = grids, frozen, known_ground
    oracle.verbose = 0
    return oracle


class SearchOracle(keras_tuner.Oracle):
    """Mixin: known ground comes first; its files change at once or not at all.

    Attributes:
        grids: Grids that a head may have behind each number of stages.
        frozen: Number of stages that never train.
        known_ground: Returns the values of the next trial, None to leave it to the algorithm.

    Example:
        >>> values = {"stages": 3, "depth": 0, "grid": 6}
        >>> oracle = create("random", {3: (1, 6)}, 0, seed=0, known_ground=lambda: values)
        >>> oracle.populate_space("0000")
        {'status': 'RUNNING', 'values': {'stages': 3, 'depth': 0, 'grid': 6}}
    """

    grids: Grids
    frozen: int
    known_ground: Callable[[], TunerValues | None]

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the next trial's values in Keras Tuner's own form, or that the study ends.

        Args:
            trial_id: Identifier of the next trial.
        """
        known = self.known_ground()
        if known is not None:
            return {"status": "RUNNING", "values": known}
        suggestion = super().populate_space(trial_id)
        if suggestion["status"] == "RUNNING":
            suggestion["values"] = possible(suggestion["values"], self.grids, self.frozen)
        return suggestion

    def adopt(self, trial: Any) -> None:
        """Take a trial from elsewhere as one of its own, to go on with where it is not finished.

        Args:
            trial: Trial of Keras Tuner, with its status and score.
        """
        self.trials[trial.trial_id] = trial
        self.start_order.append(trial.trial_id)
        if trial.status == "RUNNING":
            self._retry_queue.append(trial.trial_id)
        else:
            self.end_order.append(trial.trial_id)
        self._record_values(trial)
        self._save_trial(trial)

    def open_trials(self) -> list[Any]:
        """Return the trials that go on, after `reload` as well."""
        for name, trial in sorted(self.trials.items()):  # killed before the oracle's state had it
            if trial.status == "RUNNING" and name not in self._retry_queue:
                self._retry_queue.append(name)
        while self._retry_queue:
            self.create_trial(f"trial {self._retry_queue[-1]}")
        return list(self.ongoing_trials.values())

    def save(self) -> None:
        """Write the oracle's state, at once or not at all."""
        write_json(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        write_json(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())


class _Random(SearchOracle, oracles.RandomSearchOracle):
    pass


class _OneShot(oracles.BayesianOptimizationOracle):
    """Takes the best of many random points, all scored in one call.

    Keras Tuner descends from fifty points by numerical gradients, which lasts longer than a head
    takes; in so few dimensions that finds nothing better.
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


class _Bayesian(SearchOracle, _OneShot):
    """Scores points with fine-tuned stages only: heads alone are known ground."""

    def _get_hp_bounds(self) -> np.ndarray:
        bounds = super()._get_hp_bounds().astype(np.float64)
        for row, hp in zip(bounds, self._nonfixed_space(), strict=True):
            if hp.name == "depth":
                row[0] = hp.value_to_prob(1)
        return bounds
