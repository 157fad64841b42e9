"""What a program can be refused for: a kind that it can act on, and a sentence for people."""

from enum import StrEnum

from starlette.responses import JSONResponse, Response


class Kind(StrEnum):
    """Kinds of errors, by which clients decide what to do; also a label of the metrics."""

    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    UNREADABLE_PICTURE = "unreadable_picture"
    TOO_MANY_REQUESTS = "too_many_requests"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    NO_MODEL = "no_model"
    INTERNAL = "internal"


_STATUS = {
    Kind.BAD_REQUEST: 422,
    Kind.UNAUTHORIZED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED_TYPE: 415,
    Kind.UNREADABLE_PICTURE: 422,
    Kind.TOO_MANY_REQUESTS: 429,
    Kind.OVERLOADED: 503,
    Kind.TIMEOUT: 504,
    Kind.NO_MODEL: 503,
    Kind.INTERNAL: 500,
}
_SECONDS_TO_WAIT = "1"
_HEADERS = {
    Kind.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    Kind.TOO_MANY_REQUESTS: {"Retry-After": _SECONDS_TO_WAIT},
    Kind.OVERLOADED: {"Retry-After": _SECONDS_TO_WAIT},
}
_BY_STATUS = {400: Kind.BAD_REQUEST, 405: Kind.NOT_FOUND} | {
    status: kind for kind, status in reversed(_STATUS.items())
}


class ServiceError(Exception):
    """A request that is refused, or fails.

    Args:
        kind: Kind of the error.
        message: Reason in words for the client, without paths of this machine.

    Example:
        >>> ServiceError(Kind.OVERLOADED, "the queue is full").status
        503
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def status(self) -> int:
        """HTTP status of the response."""
        return _STATUS[self.kind]


def kind_of_status(status: int) -> Kind:
    """Return the kind of error that a status stands for.

    Args:
        status: HTTP status from 400 on.

    Example:
        >>> str(kind_of_status(413)), str(kind_of_status(405)), str(kind_of_status(418))
        ('too_large', 'not_found', 'bad_request')
    """
    return _BY_STATUS.get(status, Kind.INTERNAL if status >= 500 else Kind.BAD_REQUEST)


def as_response(kind: Kind, message: str, status: int | None = None) -> Response:
    """Make the response to a request that is refused.

    Args:
        kind: Kind of the error.
        message: Reason in words for the client.
        status: HTTP status; None for the kind's own.

    Example:
        >>> as_response(Kind.TIMEOUT, "it took too long").body
        b'{"error":{"kind":"timeout","message":"it took too long"}}'
    """
    content = {"error": {"kind": kind, "message": message}}
    return JSONResponse(content, status or _STATUS[kind], _HEADERS.get(kind))


def refused(status: int, reason: str) -> Response:
    """Make a guard's refusal, see `inference.served.guards.refusal`.

    Args:
        status: HTTP status.
        reason: Why the request is refused.

    Example:
        >>> refused(413, "too large").status_code
        413
    """
    return as_response(kind_of_status(status), reason, status)
