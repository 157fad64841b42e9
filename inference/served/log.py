"""What the server writes to its log: one line an event, without visitors' pictures or passwords."""

import sys
import traceback
from pathlib import Path


def log_line(text: str) -> None:
    r"""Write one line to standard error.

    Args:
        text: Text that may hold what a visitor sent; line breaks and all characters beyond ASCII
            are written as escapes, so that nobody can forge a second line.

    Example:
        >>> from contextlib import redirect_stderr
        >>> with redirect_stderr(sys.stdout):
        ...     log_line("login failed" + chr(10) + "login of root")
        login failed\nlogin of root
    """
    print(text.encode("unicode_escape").decode(), file=sys.stderr, flush=True)


def log_failure(error: BaseException, where: str) -> None:
    """Log a fault of the server in one line, without what was sent.

    The line names the innermost line of code by its file's name alone: no paths, no traceback.

    Args:
        error: Exception that was caught.
        where: Part of the server that failed, such as a route.

    Example:
        >>> from contextlib import redirect_stderr
        >>> try:
        ...     Path("/home/me/secret.jpg").read_bytes()
        ... except OSError as error:
        ...     with redirect_stderr(sys.stdout):
        ...         log_failure(error, "GET /")
        GET / failed: FileNotFoundError in ...
    """
    frames = traceback.extract_tb(error.__traceback__)
    line = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    log_line(f"{where} failed: {type(error).__name__}{line}")
