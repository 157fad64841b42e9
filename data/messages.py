"""Messages of one line: what an exception says, and names with line ends in them."""

import os


def one_line(error: BaseException | str, limit: int | None = None) -> str:
    r"""Return what an exception says as one line.

    Args:
        error: The exception, or its text. Of an `OSError` with a path its reason and path are
            shown, without the number; of an exception without text the name of its class.
        limit: Largest number of characters, None for all: other libraries' messages may be long.

    Returns:
        The line, which ends in "…" where it was cut.

    Example:
        >>> one_line(ValueError("two\n  lines"))
        'two lines'
        >>> one_line(FileNotFoundError(2, "No such file or directory", "faces.csv"))
        'No such file or directory: faces.csv'
        >>> one_line(KeyError(), limit=20), one_line("many words in a row", limit=10)
        ('KeyError', 'many word…')
    """
    text = " ".join(_text(error).split()) or type(error).__name__
    return text if limit is None or len(text) <= limit else f"{text[: limit - 1]}…"


def printable(text: str) -> str:
    r"""Return text for a line of output: control characters in names (line ends, escape) escaped.

    Args:
        text: Any text, such as a file's name.

    Example:
        >>> print(printable("two\nlines of café"))
        two\nlines of café
    """
    return "".join(
        letter
        if letter.isprintable()
        else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text
    )


def _text(error: BaseException | str) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        name = error.filename
        return f"{error.strerror}: {os.fsdecode(name) if isinstance(name, bytes) else name}"
    return str(error)
