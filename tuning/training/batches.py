"""What a trial trains on: activations at its cut with codes of labels, in shuffled batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from tuning.training.loss import LabelLoss


class ActivationArray(Protocol):
    """An array [N, ...] whose rows can be gathered: a memory map, or images as they are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all rows together."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Type of its numbers: float16, float32, or uint8 for images."""
        ...

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        """Gather rows, int [n]."""
        ...


@dataclass(frozen=True)
class Examples:
    """Activations at one cut, or images, with the codes of their labels.

    Attributes:
        views: Array [N, ...] of each view, the plain one first.
        codes: Codes of its L labels, int [N, L], see `data.labels`.

    Example:
        >>> plain, mirrored = np.zeros((5, 8), np.float16), np.zeros((5, 8), np.float16)
        >>> len(Examples([plain, mirrored], np.zeros((5, 1), int)))
        5
    """

    views: Sequence[ActivationArray]
    codes: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def are_pixels(self) -> bool:
        """Whether the examples are images themselves."""
        return self.views[0].dtype == np.uint8


@dataclass(frozen=True)
class TrainingData:
    """What a trial is trained and scored on.

    Attributes:
        train: Examples to learn from.
        val: Examples of the validation split; their first view is used.
        loss: What is minimized, with the labels that are learned.

    Example:
        >>> from data import GENDER
        >>> codes = np.array([[0], [1]])
        >>> examples = Examples([np.float16([[0, 4], [2, 0]])], codes)
        >>> len(TrainingData(examples, examples, LabelLoss.of([GENDER], codes)).train)
        2
    """

    train: Examples
    val: Examples
    loss: LabelLoss


class Batch(NamedTuple):
    """Some examples.

    Attributes:
        rows: Activations in the type in which they are stored, or uint8 images, [n, ...].
        codes: Codes of their labels, int [n, L].
    """

    rows: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Batches:
    """An endless row of examples: epoch after epoch, each in an order and in views of its own.

    What comes where follows from the seed and the number of examples before it alone, so that a
    training can go on anywhere.

    Attributes:
        examples: Examples to draw from; each epoch has each of them once.
        size: Number of examples in a batch; one at the end of an epoch goes on with the next one.
        seed: Seed of orders and views.

    Example:
        >>> examples = Examples([np.arange(5, dtype=np.float16)[:, None]], np.zeros((5, 1), int))
        >>> batches = Batches(examples, size=5, seed=0)
        >>> sorted(batches.at(5).rows[:, 0].tolist()), batches.at(3).codes.shape
        ([0.0, 1.0, 2.0, 3.0, 4.0], (5, 1))
    """

    examples: Examples
    size: int
    seed: int

    def at(self, images: int) -> Batch:
        """Return the batch that comes behind some examples.

        Args:
            images: Number of examples that came before, each time counted.
        """
        rows, of_view = self._drawn(images)
        views = self.examples.views
        batch = np.empty((self.size, *views[0].shape[1:]), views[0].dtype)
        for number, view in enumerate(views):
            chosen = of_view == number
            if chosen.any():
                batch[chosen] = view[rows[chosen]]
        return Batch(batch, self.examples.codes[rows])

    def _drawn(self, images: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a batch and their views; of each epoch in it in order, as files are read best."""
        count, views = len(self.examples), len(self.examples.views)
        epochs, places = np.divmod(np.arange(images, images + self.size), count)
        rows, chosen = [], []
        for epoch in np.unique(epochs):
            order, of_view = _epoch(self.seed, int(epoch), count, views)
            here = np.sort(order[places[epochs == epoch]])
            rows.append(here)
            chosen.append(of_view[here])
        return np.concatenate(rows), np.concatenate(chosen)


@lru_cache(maxsize=4)
def _epoch(seed: int, epoch: int, count: int, views: int) -> tuple[np.ndarray, np.ndarray]:
    """The order of an epoch, and the view of each example in it."""
    rng = np.random.default_rng((seed, epoch))
    return rng.permutation(count), rng.integers(views, size=count)
