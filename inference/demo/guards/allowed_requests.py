"""Which requests are let in: by route and by file."""

import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from inference.demo.guards.uploads import Uploads
from inference.served.errors import RefusedError

_API = "/gradio_api"
_FILE = f"{_API}/file="
_UPLOAD = f"{_API}/upload"

# Of Gradio's routes those that the page and the clients of its API use. Among the others are some
# that fetch from elsewhere, write files, or answer differently for paths that are there.
_READ = re.compile(
    r"/|/(config|logout|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?)/?"
    r"|/(assets|static|svelte)/.+"
    rf"|{_API}/(info|openapi\.json|theme\.css|app_id|user|login_check|startup-events)/?"
    rf"|{_API}/(heartbeat/[\w.-]+|queue/(data|status)|upload_progress|call/[\w.-]+/[\w.-]+|file=.+)"
)
_WRITTEN = re.compile(
    rf"/login/?|{_API}/(upload|queue/join|cancel|reset|(call|call/v2|run|api)/[\w.-]+|"
    r"stream/[0-9a-f]{32}(/close)?)/?"
)
_NAMES = {"GET": _READ, "HEAD": _READ, "POST": _WRITTEN}


class AllowedRequests:
    """ASGI middleware: refuses routes and files that the page does not need.

    Args:
        app: ASGI application that gets what is let in.
        uploads: Folder of what visitors send, of which alone files are served.

    Example:
        >>> from pathlib import Path
        >>> from starlette.testclient import TestClient
        >>> guard = AllowedRequests(PlainTextResponse("the page"), Uploads(Path("uploads")))
        >>> visitor = TestClient(guard)
        >>> visitor.get("/").text, visitor.get("/gradio_api/file=/etc/passwd").text.strip()
        ('the page', 'not found')
    """

    def __init__(self, app: ASGIApp, uploads: Uploads) -> None:
        self._app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if refusal := self._unserved(scope):
            return await refusal(scope, receive, send)
        if scope["path"].rstrip("/") != _UPLOAD:
            return await self._app(scope, receive, send)
        with self._uploads.receiving():
            return await self._app(scope, receive, send)

    def _unserved(self, scope: Scope) -> PlainTextResponse | None:
        """Refuse routes and files that the page does not need."""
        path, routes = scope["path"], _NAMES.get(scope["method"])
        if not routes or not routes.fullmatch(path):
            return PlainTextResponse("not found\n", 404)
        if path.startswith(_FILE):
            try:
                self._uploads.find(path.removeprefix(_FILE))
            except RefusedError:
                return PlainTextResponse("not found\n", 404)
        return None
