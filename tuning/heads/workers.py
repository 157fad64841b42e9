"""Threads that do their own BLAS calls, which do not wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from data.processors import usable


@contextmanager
def workers(most: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """Start threads among which the processors are divided.

    OpenBLAS's own threads wait for each other in loops: beside other work on the machine its
    factorizations then take ten times as long as on one thread.

    Args:
        most: Number of threads, at most the number of processors; None for as many.

    Yields:
        The threads; within the block every call of BLAS has its share of the processors.

    Example:
        >>> with workers() as pool:
        ...     list(pool.map(abs, [-1, 2]))
        [1, 2]
    """
    count = min(most or usable(), usable())
    with ThreadPoolExecutor(count) as pool, threadpool_limits(usable() // count):
        yield pool
