"""What a head sees of a backbone's map: averages over a grid, their square roots, standardized.

In NumPy, block by block: heads are solved, and features measured, without a graph. The head of a
model computes the same by its own layers, see `tuning.backbones.transfer_model`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.rows import Rows

if TYPE_CHECKING:
    import keras

ROOT_OFFSET = 1.0
"""Added to averages before the square root, whose gradient at 0 is infinite.

Half of the activations that are not 0 are above 40: heads are as accurate as with 0.01."""

STANDARDIZE = "standardize"
"""Name of the head's layer that standardizes."""

_BLOCK_NUMBERS = 1 << 20  # in one block: few enough for the processor's caches
_LEAST_STD = 0.1  # of the median


def head_features(maps: Rows, grid: int, out: np.ndarray | None = None) -> np.ndarray:
    """Average maps over the fields of a grid, take square roots and flatten them.

    The square root brings activations, whose distribution has a long tail, nearer to a normal one.

    Args:
        maps: Maps without negative numbers, float [n, side, side, C], may lie on disk.
        grid: Number of fields along each side, a divisor of the maps' side.
        out: Array for the result, float32 or float16; a new one where it is left out.

    Returns:
        float32 [n, grid * grid * C], or `out`.

    Raises:
        ValueError: The grid does not divide the side.

    Example:
        >>> maps = np.array([3.0, 13.0, 3.0, 13.0], np.float16).reshape(1, 2, 2, 1)
        >>> head_features(maps, grid=1).tolist()
        [[3.0]]
        >>> head_features(maps, grid=2).round(1).tolist()
        [[2.0, 3.7, 2.0, 3.7]]
    """
    count, side, _, channels = maps.shape
    if side % grid:
        raise ValueError(f"a grid of {grid} does not divide maps of {side} x {side}")
    features = np.empty((count, grid * grid * channels), np.float32) if out is None else out
    for rows in _blocks(count, side * side * channels):
        means = _field_means(np.asarray(maps[rows]), grid)
        means += np.float32(ROOT_OFFSET)
        np.sqrt(means.reshape(len(means), -1), out=features[rows])
    return features


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Mean and variance of each of a head's features.

    Attributes:
        mean: Mean of each feature, float32 [F].
        variance: Variance of each feature, positive, float32 [F].

    Example:
        >>> statistics = FeatureStatistics(np.float32([1.0, 3.0]), np.float32([1.0, 4.0]))
        >>> statistics.standardize(np.float32([[2.0, 1.0]])).tolist()
        [[1.0, -1.0]]
    """

    mean: np.ndarray
    variance: np.ndarray

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of each feature, float32 [F]."""
        return np.sqrt(self.variance)

    def standardize(self, features: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Bring each feature to mean 0 and variance 1.

        Args:
            features: Features, float32 or float16 [N, F].
            out: Array for the result, which may be `features`; a new one where it is left out.

        Returns:
            float32 [N, F], or `out`.
        """
        result = np.empty(features.shape, np.float32) if out is None else out
        std = self.std
        for rows in _blocks(*features.shape):
            block = features[rows].astype(np.float32)
            block -= self.mean
            block /= std
            result[rows] = block
        return result

    @classmethod
    def neutral(cls, count: int) -> FeatureStatistics:
        """Return statistics that change nothing, until those of trained weights are loaded.

        Args:
            count: Number of features.

        Example:
            >>> FeatureStatistics.neutral(2).std.tolist()
            [1.0, 1.0]
        """
        return cls(np.zeros(count, np.float32), np.ones(count, np.float32))

    @classmethod
    def of_head(cls, head: keras.Model) -> FeatureStatistics:
        """Return the statistics by which a head standardizes.

        Args:
            head: Head as `TransferModel.head` makes it.
        """
        return cls(*head.get_layer(STANDARDIZE).get_weights())

    @classmethod
    def of(cls, features: Rows) -> FeatureStatistics:
        """Measure features, in one reading of them.

        Features that hardly vary get a tenth of the median standard deviation, so that noise in
        them is not blown up.

        Args:
            features: Features as `head_features` gives them, float [N, F], may lie on disk.

        Example:
            >>> statistics = FeatureStatistics.of(np.array([[0.0, 1.0], [2.0, 5.0]]))
            >>> statistics.mean.tolist(), statistics.std.tolist()
            ([1.0, 3.0], [1.0, 2.0])
        """
        mean, variance = _moments(features)
        std = np.sqrt(variance)
        floor = max(_LEAST_STD * float(np.median(std)), 1e-4)
        return cls(mean.astype(np.float32), (np.maximum(std, floor) ** 2).astype(np.float32))


def _field_means(maps: np.ndarray, grid: int) -> np.ndarray:
    """Means over the fields of a grid, float32 [n, grid, grid, C]."""
    count, side, _, channels = maps.shape
    step = side // grid
    fields = maps.astype(np.float32).reshape(count, grid, step, grid, step, channels)
    if step == 1:
        return fields.reshape(count, grid, grid, channels)
    return fields.sum(axis=2).sum(axis=3) / np.float32(step * step)


def _moments(features: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance, float64 [F], by sums of the distances to the first block's mean."""
    count, width = features.shape
    total, squares, shift = np.zeros(width), np.zeros(width), np.zeros(width, np.float32)
    for rows in _blocks(count, width):
        block = np.asarray(features[rows], np.float32)
        if rows.start == 0:
            shift = block.mean(axis=0)
        distances = block - shift
        total += distances.sum(axis=0)
        squares += np.einsum("nf,nf->f", distances, distances)
    mean = total / count
    return shift + mean, np.maximum(squares / count - mean**2, 0)


def _blocks(count: int, numbers: int) -> Iterator[slice]:
    """Neighboring rows of so many numbers each."""
    rows = max(1, _BLOCK_NUMBERS // numbers)
    return (slice(start, min(start + rows, count)) for start in range(0, count, rows))
