"""What a visitor can be refused for, and the one sentence that the page and the API say then."""

from data import ImageError
from data.images import readable_kinds
from inference.errors import BundleError
from inference.served.log import log_line


class RefusedError(ValueError):
    """A request that cannot be met; the message says why, in words for the visitor."""


EXPECTED_ERRORS = (ImageError, BundleError, RefusedError)
"""Errors that a visitor gets a sentence for; any other one is a fault of the server."""


def message_for(error: ImageError | BundleError | RefusedError) -> str:
    """Return the sentence for the visitor.

    What is wrong with a model is logged and not shown, as it names paths of this machine.

    Args:
        error: Error that was raised, one of `EXPECTED_ERRORS`.

    Returns:
        A sentence without paths of this machine.

    Example:
        >>> message_for(RefusedError("no picture was sent"))
        'No picture was sent.'
    """
    if isinstance(error, BundleError):
        log_line(str(error))
        return "This model cannot be used; the server's log says why."
    if isinstance(error, RefusedError):
        return f"{str(error)[0].upper()}{str(error)[1:]}."
    return f"The picture cannot be used: {error}. These kinds can be read: {readable_kinds()}."
