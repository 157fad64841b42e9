"""How much a request may bring, how long it may take, and how many one client may have."""

import asyncio
import re
import time
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.served.guards.refusal import Refuse, in_plain_text

MAX_PICTURE = 20_000_000
"""Largest picture in bytes."""

_LENGTH = re.compile(rb"\d{1,18}")

client_address: ContextVar[str] = ContextVar("client_address", default="")
"""The address of the client whose request is being served."""


@dataclass(frozen=True)
class Limits:
    """Limits of one server on its requests.

    Attributes:
        body: Largest request in bytes.
        seconds_to_send: Time within which the next part of a request must come; else it is
            dropped.
        seconds_for_body: Time within which a whole request must come; else it is dropped.
        requests_of_one_client: Largest number of open requests of one client.
    """

    body: int
    seconds_to_send: float
    seconds_for_body: float
    requests_of_one_client: int


PAGE_LIMITS = Limits(
    body=500_000_000,  # a batch of pictures comes in one request
    seconds_to_send=60,
    seconds_for_body=900,
    requests_of_one_client=32,  # a browser has six, two waiting for news
)
"""Limits of the page."""


class Bounds:
    """ASGI middleware: requests that are too large, too slow or too many end.

    Args:
        app: ASGI application that gets what is within the bounds.
        limits: Limits of the server.
        refuse: Function that makes the response to what is not.

    Example:
        >>> from starlette.responses import PlainTextResponse
        >>> from starlette.testclient import TestClient
        >>> visitor = TestClient(Bounds(PlainTextResponse("the page"), PAGE_LIMITS))
        >>> visitor.get("/").text
        'the page'
        >>> visitor.post("/", headers={"content-length": str(PAGE_LIMITS.body + 1)}).status_code
        413
    """

    def __init__(self, app: ASGIApp, limits: Limits, refuse: Refuse = in_plain_text) -> None:
        self._app = app
        self._limits = limits
        self._refuse = refuse
        self._running: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not _LENGTH.fullmatch(declared) or int(declared) > self._limits.body:
            return await self._refuse(413, "too large")(scope, receive, send)
        client = scope["client"][0] if scope.get("client") else ""
        if self._running[client] >= self._limits.requests_of_one_client:
            busy = self._refuse(429, "too many requests of yours are open: try again later")
            return await busy(scope, receive, send)
        client_address.set(client)
        self._running[client] += 1
        try:
            await self._app(scope, _bounded(receive, self._limits), send)
        finally:
            self._running[client] -= 1
            self._running += Counter()  # forgets those who have none


def _bounded(receive: Receive, limits: Limits) -> Receive:
    """Receive a request's body; one that is too large or too slow counts as broken off."""
    received, complete = 0, False
    deadline = time.monotonic() + limits.seconds_for_body

    async def next_part() -> Message:
        nonlocal received, complete
        if complete:  # what comes after the body is the end of the connection: no limit on that
            return await receive()
        try:
            async with asyncio.timeout(min(limits.seconds_to_send, deadline - time.monotonic())):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        return message if received <= limits.body else {"type": "http.disconnect"}

    return next_part
