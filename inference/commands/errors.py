"""What ends a command with a line for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from data.cli import UsageError, failing_on
from inference.errors import ServingError


@contextmanager
def user_errors() -> Iterator[None]:
    """Make status 2 of whatever keeps a command from its work, as `predict` promises."""
    with failing_on(ServingError, OSError, error=UsageError):
        yield
