"""Ridge regression in its dual form, for features that are more than the rows.

Of n rows only their products with each other are needed, n x n numbers, whatever the number of
features. What a solution without a fold says of the fold's rows follows from the solution with all
rows and a block of the inverse (Dubrule, "Cross validation of kriging in a unique neighborhood",
1983), so that five folds cost hardly more than none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from tuning.heads.task import Solution, Task, gathered
from tuning.heads.workers import workers

_SIDE = 512  # rows and columns of a tile of products
_COLUMNS = 4096  # features that are multiplied at a time
_ROWS = 512


class DualRidge:
    """Products of rows, by which any number of regressions on them are solved.

    Args:
        features: Features, float [N, F].
        rows: Numbers of the rows to learn from, in rising order, int [n].

    Attributes:
        features: Features, float [N, F].
        rows: Numbers of the rows to learn from.
        gram: Products of these rows, float32 [n, n].
        scale: Mean squared length of the rows, to which penalties are relative.

    Example:
        >>> features = np.eye(4, 9, dtype=np.float32)
        >>> DualRidge(features, np.arange(4)).scale
        1.0
    """

    def __init__(self, features: np.ndarray, rows: np.ndarray) -> None:
        self.features = features
        self.rows = rows
        self.gram = _gram(features, rows)
        self.scale = float(np.diagonal(self.gram).mean(dtype=np.float64)) or 1.0

    def equations(self, task: Task) -> DualEquations:
        """Return the regressions of one label, one for each penalty.

        Args:
            task: Rows of the label, among those to learn from.
        """
        return DualEquations(self, task)


@dataclass(frozen=True)
class DualEquations:
    """The regressions of one label, one for each penalty.

    Attributes:
        ridge: Products of the rows.
        task: Rows of the label.
    """

    ridge: DualRidge
    task: Task

    def solve(self, penalty: float) -> Solution:
        """Solve one of them, the bias without penalty.

        Args:
            penalty: Penalty relative to the rows' mean squared length.

        Raises:
            LinAlgError: The penalty is too small for the precision of float32.
        """
        task = self.task
        added = np.float32(penalty * self.ridge.scale) / task.weights
        at = np.searchsorted(self.ridge.rows, task.rows)
        system = self.ridge.gram[np.ix_(at, at)]
        system.flat[:: len(at) + 1] += added
        factor, failed = lapack.spotrf(system.T, lower=1, overwrite_a=1)  # in Fortran's order
        if failed:
            raise np.linalg.LinAlgError(f"penalty {penalty:g}")
        known = np.hstack([task.targets, np.ones((len(at), 1), np.float32)])
        solved = lapack.spotrs(factor, known, lower=1)[0].astype(np.float64)
        by_target, by_one = solved[:, :-1], solved[:, -1]
        bias = by_target.sum(axis=0) / by_one.sum()
        coefficients = by_target - np.outer(by_one, bias)
        inverse, _ = lapack.strtri(factor, lower=1, overwrite_c=1)
        out_of_fold = task.targets.astype(np.float64)
        for fold in task.folds:
            below = inverse[fold.start :, fold]
            block = (below.T @ below).astype(np.float64)
            block -= np.outer(by_one[fold], by_one[fold]) / by_one.sum()
            factor = linalg.cho_factor(block, overwrite_a=True)
            out_of_fold[fold] -= linalg.cho_solve(factor, coefficients[fold])
        return Solution(out_of_fold, coefficients.astype(np.float32), bias)

    def kernel(self, solution: Solution) -> np.ndarray:
        """Return the weights of the features, float32 [F, width].

        Args:
            solution: One that `solve` found.
        """
        order, features = np.argsort(self.task.rows), self.ridge.features
        rows, coefficients = self.task.rows[order], solution.coefficients[order]
        kernel = np.zeros((features.shape[1], coefficients.shape[1]), np.float32)
        for start in range(0, len(rows), _ROWS):
            block = slice(start, start + _ROWS)
            kernel += gathered(features, rows[block]).T @ coefficients[block]
        return kernel


def _gram(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Products of rows, float32 [n, n]: some features at a time, each read once, tile by tile."""
    gram = np.zeros((len(rows), len(rows)), np.float32)
    block = np.empty((0, 0), np.float32)

    def multiply(tile: tuple[slice, slice]) -> None:
        upper, left = tile
        gram[upper, left] += block[upper] @ block[left].T

    sides = [slice(start, start + _SIDE) for start in range(0, len(rows), _SIDE)]
    with workers() as pool:
        for start in range(0, features.shape[1], _COLUMNS):
            block = gathered(features, rows, slice(start, start + _COLUMNS))
            list(pool.map(multiply, combinations_with_replacement(sides, 2)))
    for upper, left in combinations_with_replacement(sides, 2):
        gram[left, upper] = gram[upper, left].T
    return gram
