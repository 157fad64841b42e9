"""How much memory all threads together may take for decoded pictures."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class DecodingRoom:
    """So many bytes, shared by threads: who wants more than is free waits.

    A thread takes room once, for all that it is going to hold, and never while it holds some: then
    nobody waits for ever. More than there is at all is given to one alone.

    Example:
        >>> room = DecodingRoom(1000)
        >>> with room.taken(300):
        ...     print("decoding in 300 bytes, others may take 700")
        decoding in 300 bytes, others may take 700
    """

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._changed = Condition()

    @contextmanager
    def taken(self, wanted: int) -> Iterator[None]:
        """Hold `wanted` bytes while the block runs."""
        wanted = min(wanted, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()
