"""The most memory that a command needed, which it says at its end."""

import sys
from pathlib import Path

from data.cli import say

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_STATUS = Path("/proc/self/status")


def say_peak_memory() -> None:
    """Print the peak memory on stderr, as in "peak memory 1.2 GB with mapped files".

    Nothing is printed where it is not known. The system takes the memory of mapped files, such as a
    search's activations, back when it needs it.

    Example:
        >>> say_peak_memory()
    """
    if size := peak_memory():
        say(f"peak memory {in_words(size)} with mapped files")


def peak_memory() -> int:
    """Return the most memory that this process had resident at once, bytes; 0 if unknown.

    Mapped files count as far as they were in memory.

    Example:
        >>> peak_memory() > 1_000_000
        True
    """
    try:  # Linux's count of `getrusage` begins with that of the program that started this one
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return _by_getrusage()


def in_words(size: int) -> str:
    """Return a size as people read it.

    Args:
        size: Number of bytes.

    Example:
        >>> in_words(1_234_000_000), in_words(98_700_000)
        ('1.2 GB', '99 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _by_getrusage() -> int:
    """What the system counts, bytes on macOS and kilobytes elsewhere.

    Of processes that this one started it says nothing true: their count begins with this one's.
    """
    if resource is None:
        return 0
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
