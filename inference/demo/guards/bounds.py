"""How much a request may bring, how long it may take, and how many one client may have."""

import asyncio
import time
from collections import Counter

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.demo.guards.logins import client_address

MAX_UPLOAD = 20_000_000
"""Largest picture in bytes."""

MAX_BODY = 500_000_000
"""Largest request in bytes: a batch of pictures comes in one."""

SECONDS_TO_SEND = 60
"""Time within which the next part of a request must come; else it is dropped."""

SECONDS_FOR_BODY = 900
"""Time within which a whole request must come; else it is dropped."""

MAX_REQUESTS_OF_ONE_CLIENT = 32
"""Largest number of open requests of one client; a browser has six, two waiting for news."""


class Bounds:
    """ASGI middleware: requests that are too large, too slow or too many end.

    Args:
        app: ASGI application that gets what is within the bounds.

    Example:
        >>> from starlette.testclient import TestClient
        >>> visitor = TestClient(Bounds(PlainTextResponse("the page")))
        >>> visitor.get("/").text
        'the page'
        >>> visitor.post("/", headers={"content-length": str(MAX_BODY + 1)}).status_code
        413
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > MAX_BODY:
            return await PlainTextResponse("too large\n", 413)(scope, receive, send)
        client = scope["client"][0] if scope.get("client") else ""
        if self._running[client] >= MAX_REQUESTS_OF_ONE_CLIENT:
            busy = PlainTextResponse("too many requests of yours are open: try again later\n", 429)
            return await busy(scope, receive, send)
        client_address.set(client)
        self._running[client] += 1
        try:
            await self._app(scope, _bounded(receive), send)
        finally:
            self._running[client] -= 1
            self._running += Counter()  # forgets those who have none


def _bounded(receive: Receive) -> Receive:
    """Receive a request's body; one that is too large or too slow counts as broken off."""
    received, complete = 0, False
    deadline = time.monotonic() + SECONDS_FOR_BODY

    async def next_part() -> Message:
        nonlocal received, complete
        if complete:  # what comes after the body is the end of the connection: no limit on that
            return await receive()
        try:
            async with asyncio.timeout(min(SECONDS_TO_SEND, deadline - time.monotonic())):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        return message if received <= MAX_BODY else {"type": "http.disconnect"}

    return next_part
