"""Ridge regression in its usual form, for features that are fewer than the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from tuning.heads.task import Solution, Task, gathered
from tuning.heads.workers import workers

_ROWS = 2048


class PrimalRidge:
    """Features of which any number of regressions are solved.

    Args:
        features: Features, float [N, F].
        rows: Numbers of the rows to learn from, in rising order, int [n].

    Attributes:
        features: Features, float [N, F].
        scale: Mean squared length of the rows, to which penalties are relative.

    Example:
        >>> PrimalRidge(np.eye(9, 4, dtype=np.float32), np.arange(4)).scale
        1.0
    """

    def __init__(self, features: np.ndarray, rows: np.ndarray) -> None:
        self.features = features
        lengths = [np.square(gathered(features, part)).sum(axis=1) for part in _parts(rows)]
        self.scale = float(np.concatenate(lengths).mean(dtype=np.float64)) or 1.0

    def equations(self, task: Task) -> PrimalEquations:
        """Return the regressions of one label, one for each penalty.

        Args:
            task: Rows of the label, among those to learn from.
        """
        with workers() as pool:
            folds = list(pool.map(lambda fold: _Moments.of(self, task, fold), task.folds))
        return PrimalEquations(self, task, folds)


@dataclass(frozen=True)
class PrimalEquations:
    """The regressions of one label, one for each penalty.

    Attributes:
        ridge: The features.
        task: Rows of the label.
        folds: Products of the features in the rows of each fold.
    """

    ridge: PrimalRidge
    task: Task
    folds: list[_Moments]

    def solve(self, penalty: float) -> Solution:
        """Solve one of them, the bias without penalty, see `DualEquations.solve`.

        Args:
            penalty: Penalty relative to the rows' mean squared length.
        """
        added = np.float32(penalty * self.ridge.scale)
        solved = [_solved(self.folds, added, without) for without in (None, *self.folds)]
        weights = np.stack(solved)  # [1 + folds, F + 1, width]
        scores = np.empty(self.task.targets.shape)
        for fold, without in zip(self.task.folds, weights[1:], strict=True):
            for part in _parts(np.arange(fold.start, fold.stop)):
                scores[part] = _with_one(self.ridge.features, self.task.rows[part]) @ without
        return Solution(scores, weights[0, :-1], weights[0, -1].astype(np.float64))

    def kernel(self, solution: Solution) -> np.ndarray:
        """Return the weights of the features, float32 [F, width].

        Args:
            solution: One that `solve` found.
        """
        return solution.coefficients


@dataclass(frozen=True, eq=False)
class _Moments:
    """Weighted products of features and a 1 with themselves and with the targets, in some rows."""

    squares: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(cls, ridge: PrimalRidge, task: Task, fold: slice) -> _Moments:
        width = ridge.features.shape[1] + 1
        squares = np.zeros((width, width), np.float32)
        targets = np.zeros((width, task.targets.shape[1]), np.float32)
        for part in _parts(np.arange(fold.start, fold.stop)):
            root = np.sqrt(task.weights[part])[:, None]
            block = _with_one(ridge.features, task.rows[part]) * root
            squares += block.T @ block
            targets += block.T @ (task.targets[part] * root)
        return cls(squares, targets)


def _solved(folds: list[_Moments], added: np.float32, without: _Moments | None) -> np.ndarray:
    """Weights of the features and the bias without a fold, float32 [F + 1, width]."""
    kept = [fold for fold in folds if fold is not without]
    squares = kept[0].squares.copy()
    for fold in kept[1:]:
        squares += fold.squares
    squares.flat[: -1 : len(squares) + 1] += added
    targets = np.sum([fold.targets for fold in kept], axis=0)
    _, weights, failed = lapack.sposv(squares.T, targets, lower=1, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError(f"penalty {added:g}")
    return weights


def _with_one(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows with a 1 behind the features, float32 [n, F + 1]."""
    order = np.argsort(rows)
    block = np.ones((len(rows), features.shape[1] + 1), np.float32)
    block[order, :-1] = gathered(features, rows[order])
    return block


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]
