"""How many processors this process may use."""

import os


def usable() -> int:
    """Processors that the system gives this process (`taskset`, a container's cpuset), at least 1.

    The machine may have more; threads beyond these only take turns.

    Example:
        >>> 1 <= usable() <= (os.cpu_count() or 1)
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
