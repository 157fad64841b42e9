"""The last place an error can reach: one line for visitor and log, never a traceback."""

import asyncio

from gradio.route_utils import FnIndexInferError
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.served.log import log_failure

_BAD_REQUESTS = (
    FnIndexInferError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
)


class OneLineErrors:
    """ASGI middleware: a request that makes the app fail gets one line of plain text.

    Gradio looks up what requests name (functions, components, fields) without asking whether it
    is there: what such a look-up raises is a bad request, all else the server's own fault.

    Args:
        app: ASGI application whose errors are caught.

    Example:
        >>> from starlette.testclient import TestClient
        >>> async def app(scope, receive, send):
        ...     return {}["no such function"]
        >>> TestClient(OneLineErrors(app)).get("/").text.strip()
        'the request does not fit what is served here'
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        response = _Response(send)
        try:
            await self._app(scope, receive, response.send)
        except ClientDisconnect:
            return None  # nobody is left to read it
        except asyncio.CancelledError:  # the server is being stopped
            if not response.begun:
                raise
            return await response.end()
        except Exception as error:
            if response.begun:
                return await response.end()
            return await _one_line(error, scope)(scope, receive, send)
        return await response.send_held()


class _Response:
    """A response on its way; one that only says "500" waits, as better words may follow."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: list[Message] = []
        self.begun = False
        self._is_stream = False
        self._is_whole = False

    async def send(self, message: Message) -> None:
        """Send or hold a part."""
        if self._held or message.get("status") == 500:
            self._held.append(message)
            return
        if message["type"] == "http.response.start":
            kind = dict(message.get("headers", [])).get(b"content-type", b"")
            self._is_stream = kind.startswith(b"text/event-stream")
        self.begun = True
        self._is_whole = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send(message)

    async def send_held(self) -> None:
        """Send what was held."""
        for message in self._held:
            await self._send(message)

    async def end(self) -> None:
        """End a stream of events in good order; other responses stay broken off."""
        if self._is_stream and not self._is_whole:
            await self._send({"type": "http.response.body", "body": b""})


def _one_line(error: Exception, scope: Scope) -> PlainTextResponse:
    if isinstance(error, _BAD_REQUESTS):
        return PlainTextResponse("the request does not fit what is served here\n", 400)
    log_failure(error, f"{scope['method']} {scope['path'][:80]}")
    return PlainTextResponse("the server failed; its log says where\n", 500)
