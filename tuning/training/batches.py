"""What a trial trains on: cached activations with labels, in shuffled batches."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from tuning.backbones.transfer_model import FeatureStatistics


@dataclass(frozen=True)
class Examples:
    """Cached activations with their labels.

    Attributes:
        views: per fine-tuning depth the arrays [N, ...] of each view, the plain one first.
        labels: float32 [N], 0 or 1.
        weights: float32 [N], of each example in the loss.
    """

    views: dict[int, list[np.ndarray]]
    labels: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TrainingData:
    """What the trials of one backbone are trained and scored on.

    Attributes:
        train: Examples to learn from.
        val: Examples of the validation split; their first view is used.
        statistics: Of the pooled features of `train`.
    """

    train: Examples
    val: Examples
    statistics: FeatureStatistics


class Batches(keras.utils.PyDataset):
    """Batches of float32 activations, gathered from memory maps; each row from a random view.

    Args:
        examples: to draw from.
        depth: fine-tuning depth whose activations are wanted.
        batch_size: Number of rows in a batch.
        rng: for order and views; None keeps the order and takes the first view.
        devices: that share each batch, to equal parts (Keras takes no others); the few examples
            for which that leaves no place are others in the next epoch.
    """

    def __init__(
        self,
        examples: Examples,
        depth: int,
        batch_size: int,
        rng: np.random.Generator | None = None,
        devices: int = 1,
    ) -> None:
        # With one, Keras leaves reading ahead to tf.data, whose autotuning stalls whole epochs.
        super().__init__(workers=2)
        views = examples.views[depth]
        self._views = views if rng else views[:1]
        self._examples = examples
        self._batch_size = batch_size - batch_size % devices
        self._rng = rng
        self._order = np.arange(len(examples) - len(examples) % devices)
        self._view = np.zeros(len(examples), dtype=np.int64)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = np.sort(self._order[index * self._batch_size : (index + 1) * self._batch_size])
        first = self._views[0]
        dtype = np.uint8 if first.dtype == np.uint8 else np.float32
        batch = np.empty((len(rows), *first.shape[1:]), dtype=dtype)
        chosen = self._view[rows]
        for number, view in enumerate(self._views):
            batch[chosen == number] = view[rows[chosen == number]]
        return batch, self._examples.labels[rows, None], self._examples.weights[rows]

    def on_epoch_end(self) -> None:
        """Draw a new order and new views."""
        if self._rng is None:
            return
        self._order = self._rng.permutation(len(self._examples))[: len(self._order)]
        self._view = self._rng.integers(len(self._views), size=len(self._examples))
