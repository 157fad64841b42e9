"""How batches reach the device: gathered by threads, before they are wanted, as they are stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import tensorflow as tf

_READERS = 4
_AHEAD = 4  # batches, so that what is in memory does not grow with the number of images

Key = TypeVar("Key")
Read = TypeVar("Read")


def read_ahead(read: Callable[[Key], Read], keys: Iterable[Key]) -> Iterator[Read]:
    """Read what is asked for, in order, by several threads and a little ahead.

    Args:
        read: Function that reads one thing.
        keys: Its argument for each thing; taken as they are needed, so they may have no end.

    Yields:
        What `read` returned for each key.

    Example:
        >>> from itertools import count, islice
        >>> list(islice(read_ahead(lambda number: 2 * number, count()), 3))
        [0, 2, 4]
    """
    waiting: deque[Future[Read]] = deque()
    with ThreadPoolExecutor(_READERS, thread_name_prefix="read-ahead") as pool:
        for key in keys:
            waiting.append(pool.submit(read, key))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def tensor_of(array: np.ndarray) -> tf.Tensor:
    """Return stored activations as float32, anything else as it is.

    TensorFlow converts float16 some thirty times as fast as NumPy, and half of the bytes travel to
    a GPU. It does so here and not in the graph of a step, where the conversion would be moved
    behind operations that are slow in float16.

    Args:
        array: Activations, float16 or float32, uint8 images, or codes.

    Example:
        >>> tensor_of(np.float16([[0.5, -3.0]])).numpy().tolist()
        [[0.5, -3.0]]
    """
    if array.dtype != np.float16:
        return tf.convert_to_tensor(array)
    return _from_halves(tf.convert_to_tensor(array.view(np.uint16)))


@tf.function(input_signature=[tf.TensorSpec(None, tf.uint16)])
def _from_halves(bits: tf.Tensor) -> tf.Tensor:
    """Convert float16 that goes by as integers: else TensorFlow writes a line about it."""
    return tf.cast(tf.bitcast(bits, tf.float16), tf.float32)
