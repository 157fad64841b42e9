"""What every command does with the streams that it prints to."""

import sys
from io import TextIOWrapper


def print_any_name() -> None:
    """Let file names that the terminal's encoding cannot show come out escaped, not as an error.

    Names are bytes on disk; a terminal may be latin-1, cp1252 or ASCII. Call it first in `main`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
