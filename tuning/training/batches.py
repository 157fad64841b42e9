"""What a trial trains on: cached activations with codes of labels, in shuffled batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np

from tuning.backbones.transfer_model import FeatureStatistics
from tuning.training.loss import LabelLoss

_PREDICTION_BATCH_SIZE = 128


class ActivationArray(Protocol):
    """An array [N, ...] whose rows can be gathered: a memory map, or images as they are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all rows together."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Type of its numbers: float16, or uint8 for images."""
        ...

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        """Gather rows, int or bool [n]."""
        ...


@dataclass(frozen=True)
class Examples:
    """Cached activations with the codes of their labels.

    Attributes:
        views: For each fine-tuning depth the array [N, ...] of each view, the plain one first.
        codes: Codes of its L labels, int [N, L], see `data.labels`.

    Example:
        >>> features, mirrored = np.zeros((5, 8), np.float16), np.zeros((5, 8), np.float16)
        >>> len(Examples({0: [features, mirrored]}, np.zeros((5, 1), int)))
        5
    """

    views: Mapping[int, Sequence[ActivationArray]]
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, rows: np.ndarray) -> Examples:
        """Return some of the examples.

        Args:
            rows: Which, int [n].

        Example:
            >>> features = np.arange(3, dtype=np.float16)[:, None]
            >>> examples = Examples({0: [features]}, np.zeros((3, 1), int)).at(np.array([0, 2]))
            >>> len(examples), examples.views[0][0][np.array([1])].tolist()
            (2, [[2.0]])
        """
        views = {d: [SomeRows(view, rows) for view in of] for d, of in self.views.items()}
        return Examples(views, self.codes[rows])

    def from_pixels(self, depth: int) -> bool:
        """Whether the examples are images themselves at a depth.

        Args:
            depth: Fine-tuning depth.
        """
        return self.views[depth][0].dtype == np.uint8


class SomeRows:
    """Some rows of an array, gathered as they are asked for.

    Args:
        array: The array.
        rows: Its rows, int [n].

    Attributes:
        shape: Shape of these rows together.
        dtype: Type of its numbers.
    """

    def __init__(self, array: ActivationArray, rows: np.ndarray) -> None:
        self._array, self._rows = array, rows
        self.shape = (len(rows), *array.shape[1:])
        self.dtype = array.dtype

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self._array[self._rows[rows]]


@dataclass(frozen=True)
class TrainingData:
    """What the trials of one backbone are trained and scored on.

    Attributes:
        train: Examples to learn from.
        val: Examples of the validation split; their first view is used.
        statistics: Statistics of the pooled features of `train`.
        loss: What is minimized, with the labels that are learned.

    Example:
        >>> from data import GENDER
        >>> features, codes = np.float16([[0, 4], [2, 0]]), np.array([[0], [1]])
        >>> examples, loss = Examples({0: [features]}, codes), LabelLoss.of([GENDER], codes)
        >>> data = TrainingData(examples, examples, FeatureStatistics.of(features), loss)
        >>> data.statistics.standardize(features).tolist()
        [[-1.0, 1.0], [1.0, -1.0]]
    """

    train: Examples
    val: Examples
    statistics: FeatureStatistics
    loss: LabelLoss


class Batches(keras.utils.PyDataset):
    """Batches of float32 activations, gathered from memory maps; each row from a random view.

    Args:
        examples: Examples to draw from.
        depth: Fine-tuning depth whose activations are wanted.
        batch_size: Number of rows in a batch.
        rng: Source of order and views; None keeps the order and takes the first view.
        devices: Number of devices that share each batch in equal parts (Keras takes no others);
            the few examples that are left out are others in the next epoch.

    Example:
        >>> activations = np.zeros((5, 8), np.float16)
        >>> examples = Examples({0: [activations]}, np.zeros((5, 1), int))
        >>> rows, codes = Batches(examples, depth=0, batch_size=2)[0]
        >>> rows.shape, rows.dtype, codes.shape
        ((2, 8), dtype('float32'), (2, 1))
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

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        first = self._views[0]
        return self._gather(index, np.dtype(np.uint8 if first.dtype == np.uint8 else np.float32))

    def stored(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a batch in the type in which its rows are stored.

        Args:
            index: Number of the batch.

        Returns:
            Rows, float16 or uint8 [n, ...], and codes, int [n, L].
        """
        return self._gather(index, self._views[0].dtype)

    def _gather(self, index: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        rows = np.sort(self._order[index * self._batch_size : (index + 1) * self._batch_size])
        batch = np.empty((len(rows), *self._views[0].shape[1:]), dtype=dtype)
        chosen = self._view[rows]
        for number, view in enumerate(self._views):
            batch[chosen == number] = view[rows[chosen == number]]
        return batch, self._examples.codes[rows]

    def on_epoch_end(self) -> None:
        """Draw a new order and new views."""
        if self._rng is None:
            return
        self._order = self._rng.permutation(len(self._examples))[: len(self._order)]
        self._view = self._rng.integers(len(self._views), size=len(self._examples))


def predict_logits(
    function: Callable[[np.ndarray], np.ndarray], examples: Examples, depth: int
) -> np.ndarray:
    """Predict the logits of examples, in their plain view, batch by batch.

    Args:
        function: Head or tail: activations [n, ...] -> logits, float32 [n, width].
        examples: Cached activations of the images to predict.
        depth: Fine-tuning depth of the activations that it takes.

    Returns:
        float32 [N, width].

    Example:
        >>> features = np.arange(3, dtype=np.float16)[:, None]
        >>> examples = Examples({0: [features]}, np.zeros((3, 1), int))
        >>> predict_logits(lambda rows: 2 * rows, examples, depth=0).tolist()
        [[0.0], [2.0], [4.0]]
    """
    batches = Batches(examples, depth, _PREDICTION_BATCH_SIZE)
    parts = [function(batches[index][0]) for index in range(len(batches))]
    return np.concatenate(parts)
