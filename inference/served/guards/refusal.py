"""How a guard says no."""

from collections.abc import Callable

from starlette.responses import PlainTextResponse, Response

Refuse = Callable[[int, str], Response]
"""Makes a refusal of its HTTP status and a sentence without a full stop."""


def in_plain_text(status: int, reason: str) -> Response:
    r"""Make a refusal of one line of plain text.

    Args:
        status: HTTP status.
        reason: Why the request is refused.

    Example:
        >>> in_plain_text(413, "too large").body
        b'too large\n'
    """
    return PlainTextResponse(f"{reason}\n", status)
