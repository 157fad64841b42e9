"""How batches reach the device: gathered by threads, before they are wanted, as they are stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

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
