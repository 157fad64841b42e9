"""A function over an image array, batch by batch: scores of models, passes through a trunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from data.progress import ProgressCallback
from data.rows import Rows

Result = TypeVar("Result")


def map_batches(
    function: Callable[[np.ndarray], Result],
    images: Rows,
    rows: np.ndarray,
    batch_size: int,
    progress: ProgressCallback | None = None,
) -> Iterator[Result]:
    """Call a function on some images of an array, in batches, so that few are in memory at once.

    Args:
        function: Takes uint8 [n, size, size, 3].
        images: Images, uint8 [N, size, size, 3], may be memory-mapped.
        rows: Rows of `images` to take, in order, int [n].
        batch_size: Number of images in a batch; the last one may have fewer.
        progress: Called after each batch with the number of images done and of all.

    Yields:
        What the function returns for each batch.

    Example:
        >>> images = np.arange(5, dtype=np.uint8)[:, None, None, None]
        >>> list(map_batches(np.sum, images, np.array([4, 3, 1]), batch_size=2))
        [np.uint64(7), np.uint64(1)]
    """
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        result = function(images[batch])
        if progress:
            progress(start + len(batch), len(rows))
        yield result
