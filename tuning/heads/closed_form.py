"""A head without a hidden layer in closed form: ridge regression, calibrated out of fold.

For each label the squared error of targets is minimized, each class weighed by its frequency, with
a penalty on the kernel (Hoerl and Kennard, 1970). The penalty is chosen by five folds, no person in
two of them, on the Brier score of the scores after logistic regression on them; the same regression
makes calibrated logits of the scores of the head (Platt, 1999).

Features may be standardized by the statistics of all images: that tells the folds nothing of
labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data import Label
from data.labels import MISSING, class_counts, output_slices
from data.progress import ProgressCallback
from data.sampling import nested_order
from tuning.heads.dual import DualEquations, DualRidge
from tuning.heads.primal import PrimalEquations, PrimalRidge
from tuning.heads.task import Solution, Task, gathered, products
from tuning.heads.workers import workers
from tuning.metrics import Calibration, brier, fit_calibration, probabilities

MOST_ROWS = 12_000
"""Rows that the dual form learns from: their products take 0.6 GB, and a solution twice as much."""

_MOST_FEATURES = 5_000  # of the primal form, whose six products then take 0.6 GB
_STEP = 10**0.5  # from one penalty to the next
_RANGE = 8  # steps on either side of a penalty as large as the rows are long
_AT_ONCE = 2  # penalties, each with as much memory as the rows' products
_ROWS = 512
_NO_SOLUTION = Solution(np.empty((0, 0)), np.empty((0, 0)), np.empty(0))
_LEAST_SPREAD = 1e-3  # of scores; less is rounding


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """A solved head: `features @ kernel + bias` are calibrated logits.

    Attributes:
        kernel: Weights of the features, float32 [F, sum of widths].
        bias: Bias of each logit, float32 [sum of widths].
        out_of_fold: Calibrated logits of the n images by heads that have not seen their person,
            float64 [n, sum of widths]; NaN where an image has no value of the label.
        penalties: Penalty of each label, relative to the rows' mean squared length; NaN where there
            are not two people and two classes, and the head knows the classes' frequencies alone.
        learned: Number of images that the head has learned from.
    """

    kernel: np.ndarray
    bias: np.ndarray
    out_of_fold: np.ndarray
    penalties: tuple[float, ...]
    learned: int


def solve(
    labels: Sequence[Label],
    features: np.ndarray,
    codes: np.ndarray,
    people: np.ndarray,
    seed: int,
    progress: ProgressCallback = lambda *_: None,
) -> ClosedForm:
    """Solve the head of all labels.

    Features that are fewer than the rows, and at most 5,000, are solved for directly; otherwise the
    rows' products are, and then at most 12,000 rows are learned from: those of people who are drawn
    so that all classes are among them in proportion. What is said of the others' images is the
    head's own prediction.

    Args:
        labels: The L labels.
        features: Standardized features, float32 or float16 [N, F]: of the n images in one view,
            then of the same images in other views, which are learned from as well.
        codes: Codes, int [n, L].
        people: Number of the person in each image, int [n].
        seed: Seed of the folds.
        progress: Called with the number of parts done and of all.

    Raises:
        ValueError: The arrays do not fit together, or features are not finite.

    Example:
        >>> from data import GENDER
        >>> codes = np.arange(40)[:, None] % 2
        >>> features = np.float32(codes + np.linspace(-0.2, 0.2, 40)[:, None] * np.ones(8))
        >>> head = solve([GENDER], features - 0.5, codes, np.arange(40), seed=0)
        >>> head.kernel.shape, bool(((head.out_of_fold > 0) == codes).all())
        ((8, 1), True)
    """
    views = _views(features, codes, people)
    direct = features.shape[1] <= min(len(features) - 1, _MOST_FEATURES)
    learned = _of_some_people(codes, people, len(codes) if direct else MOST_ROWS // views, seed)
    rows = (learned + len(codes) * np.arange(views)[:, None]).reshape(-1)
    progress(0, len(labels) + 1)
    ridge = PrimalRidge(features, rows) if direct else DualRidge(features, rows)
    parts = []
    for number, label in enumerate(labels):
        progress(number + 1, len(labels) + 1)
        task = Task.of(label, codes[:, number], people, rows, seed)
        parts.append(_part(label, ridge, task))
    progress(len(labels) + 1, len(labels) + 1)
    return _side_by_side(labels, parts, features, codes, learned)


class _Part(NamedTuple):
    """What a head has of one label."""

    task: Task
    kernel: np.ndarray
    bias: np.ndarray
    out_of_fold: np.ndarray  # logits of the task's rows
    penalty: float


def _part(label: Label, ridge: DualRidge | PrimalRidge, task: Task) -> _Part:
    if not task.solvable:
        bias = _logits_of_frequencies(label, task.codes)
        kernel = np.zeros((ridge.features.shape[1], label.width), np.float32)
        return _Part(task, kernel, bias, np.tile(bias, (len(task.codes), 1)), np.nan)
    equations = ridge.equations(task)
    _, penalty, solution, calibration = _best(label, equations)
    kernel = equations.kernel(solution) * np.float32(calibration.slope)
    out_of_fold = calibration.apply(solution.out_of_fold)
    return _Part(task, kernel, calibration.apply(solution.bias), out_of_fold, penalty)


class _Tried(NamedTuple):
    """A penalty, and what it gives."""

    brier: float
    penalty: float
    solution: Solution
    calibration: Calibration


def _best(label: Label, equations: DualEquations | PrimalEquations) -> _Tried:
    """Climb from penalty to penalty until both neighbors of the best one are worse."""
    tried: dict[int, _Tried] = {}
    with workers(_AT_ONCE) as pool:
        steps = [-1, 0, 1]
        while steps:
            penalties = [_STEP**step for step in steps]
            found = pool.map(lambda penalty: _try(label, equations, penalty), penalties)
            tried |= dict(zip(steps, found, strict=True))
            best = min(tried, key=lambda step: _rank(tried[step], step))
            steps = [s for s in (best - 1, best + 1) if s not in tried and abs(s) <= _RANGE]
    if np.isinf(tried[best].brier):
        raise ValueError(f"no head can be solved of features like these for {label.name}")
    return tried[best]


def _try(label: Label, equations: DualEquations | PrimalEquations, penalty: float) -> _Tried:
    task = equations.task
    try:
        solution = equations.solve(penalty)
    except np.linalg.LinAlgError:
        return _Tried(np.inf, penalty, _NO_SOLUTION, Calibration.none(label))
    codes, scores = task.codes[task.scored], solution.out_of_fold[task.scored]
    calibration = _calibration(label, codes, scores)
    p = probabilities([label], calibration.apply(scores))
    return _Tried(brier(codes, p), penalty, solution, calibration)


def _calibration(label: Label, codes: np.ndarray, scores: np.ndarray) -> Calibration:
    spread = max(float(scores.std()), _LEAST_SPREAD)
    fitted = fit_calibration(label, codes, scores / spread)
    return Calibration(slope=fitted.slope / spread, bias=fitted.bias)


def _logits_of_frequencies(label: Label, codes: np.ndarray) -> np.ndarray:
    """Logits of classes as frequent as they are, by Laplace's rule of succession, [width]."""
    counts = np.log(class_counts(codes, len(label.classes)) + 1.0)
    return counts[1:] - counts[:1] if label.is_binary else counts - counts.mean()


def _rank(tried: _Tried, step: int) -> tuple[float, int]:
    """Smaller is better; where float32 is too coarse, larger penalties are tried next."""
    return tried.brier, abs(step) if np.isfinite(tried.brier) else -step


def _side_by_side(
    labels: Sequence[Label],
    parts: Sequence[_Part],
    features: np.ndarray,
    codes: np.ndarray,
    learned: np.ndarray,
) -> ClosedForm:
    kernel = np.concatenate([part.kernel for part in parts], axis=1)
    bias = np.concatenate([part.bias for part in parts]).astype(np.float32)
    out_of_fold = np.full((len(codes), len(bias)), np.nan)
    others = np.delete(np.arange(len(codes)), learned)
    out_of_fold[others] = products(features, others, kernel) + bias
    for number, (part, at) in enumerate(zip(parts, output_slices(labels), strict=True)):
        scored = part.task.scored
        out_of_fold[part.task.rows[scored], at] = part.out_of_fold[scored]
        out_of_fold[codes[:, number] == MISSING, at] = np.nan
    penalties = tuple(part.penalty for part in parts)
    return ClosedForm(kernel, bias, out_of_fold, penalties, len(learned))


def _views(features: np.ndarray, codes: np.ndarray, people: np.ndarray) -> int:
    """How many views of each image there are, once the arrays are checked."""
    count = len(codes)
    if not count or len(people) != count or len(features) == 0 or len(features) % count:
        raise ValueError(
            f"{len(features):,} rows of features, {count:,} of codes and {len(people):,} of people "
            "do not fit together: features need one row an image, or one a view of each"
        )
    for start in range(0, len(features), _ROWS):
        block = gathered(features, np.arange(start, min(start + _ROWS, len(features))))
        bad = np.flatnonzero(~np.isfinite(np.einsum("nf,nf->n", block, block)))
        if len(bad):
            raise ValueError(
                f"features of row {start + bad[0]:,} hold NaN, infinite or far too large numbers: "
                "the backbone's weights or the cached activations are damaged"
            )
    return len(features) // count


def _of_some_people(codes: np.ndarray, people: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Images of as many people as have at most so many of them, in rising order, int64."""
    if len(codes) <= most:
        return np.arange(len(codes))
    _, first, person, photos = np.unique(
        people, return_index=True, return_inverse=True, return_counts=True
    )
    order = nested_order(codes[first], seed)
    drawn = order[np.cumsum(photos[order]) <= most]
    return np.flatnonzero(np.isin(person, drawn))
