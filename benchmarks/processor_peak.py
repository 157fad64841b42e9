"""The most multiplications and additions that the processor does in a second."""

from __future__ import annotations

import time

import numpy as np

_SIDE = 2048  # of the matrices whose product is timed
_TIMES = 5


def peak_gmacs(side: int = _SIDE) -> float:
    """Measure the fastest product of two float32 matrices by NumPy, on all cores.

    Args:
        side: Number of rows and columns of both.

    Returns:
        Billions of multiplications, each with its addition, a second.

    Example:
        >>> peak_gmacs(side=64) > 0
        True
    """
    left, right = np.random.default_rng(0).random((2, side, side), dtype=np.float32)
    seconds = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return side**3 / min(seconds) / 1e9
