"""What the server writes to its log: one line an event, without visitors' pictures or passwords."""

import sys
import traceback
from pathlib import Path


def note(text: str) -> None:
    """Write one line; what a visitor sent cannot begin another."""
    print(text.encode("unicode_escape").decode(), file=sys.stderr, flush=True)


def note_failure(error: BaseException, where: str) -> None:
    """Say that something failed that should not, and where, without what was sent.

    The line names the innermost line of code by its file's name alone: no paths, no traceback.
    """
    frames = traceback.extract_tb(error.__traceback__)
    line = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    note(f"{where} failed: {type(error).__name__}{line}")
