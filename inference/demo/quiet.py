"""The last place an error can reach: one line for visitor and log, never a traceback."""

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.demo.log import note_failure


class Quiet:
    """ASGI middleware: a request that makes the app fail is answered in one line.

    Gradio looks up what requests name (functions, components, fields) without asking whether it
    is there: a failed look-up (KeyError, …) is a bad request, all else the server's own fault.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except ClientDisconnect:
            pass  # nobody is left to be told
        except Exception as error:
            if not started:
                await _answer(error, scope)(scope, receive, send)


def _answer(error: Exception, scope: Scope) -> PlainTextResponse:
    if isinstance(error, (LookupError, TypeError, ValueError, AttributeError, RecursionError)):
        return PlainTextResponse("the request does not fit what is served here\n", 400)
    note_failure(error, f"{scope['method']} {scope['path'][:80]}")
    return PlainTextResponse("the server failed; its log says where\n", 500)
