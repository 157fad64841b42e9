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


def printable(text: str) -> str:
    """Return text for a line of output: control characters in names (line ends, escape) escaped.

    >>> printable("two\\nlines of caf\\u00e9")
    'two\\\\nlines of caf\\u00e9'
    """
    return "".join(
        letter
        if letter.isprintable()
        else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text
    )
