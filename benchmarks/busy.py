"""Other work on the machine, as users have it: processes that keep a core busy each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

# Ends by itself when the benchmark is killed: its standard input is then closed.
_PROGRAM = """
import sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)), daemon=True).start()
number = 0
while True:
    number = (number * 1103515245 + 12345) % 2147483648
"""


@contextmanager
def busy(processes: int) -> Iterator[list[int]]:
    """Keep some cores busy while the block lasts.

    Args:
        processes: Number of processes that compute without a pause, 0 for an idle machine.

    Yields:
        Their process numbers.

    Example:
        >>> import psutil
        >>> with busy(2) as numbers:
        ...     all(psutil.pid_exists(number) for number in numbers)
        True
    """
    with ExitStack() as stack:
        started = [stack.enter_context(_one()) for _ in range(processes)]
        yield [process.pid for process in started]


@contextmanager
def _one() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()
