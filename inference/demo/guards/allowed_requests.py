"""Which requests are let in: by host, by the page they come from, by route and by file."""

import re

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from inference.demo.errors import RefusedError
from inference.demo.guards.hosts import Hosts
from inference.demo.guards.uploads import Uploads

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
    rf"/login/?|{_API}/(upload|queue/join|cancel|reset|(call|call/v2|run|api)/[\w.-]+)/?"
)
_NAMES = {"GET": _READ, "HEAD": _READ, "POST": _WRITTEN}


class AllowedRequests:
    """ASGI middleware: refuses what is not asked of this server, or not by its own page.

    Args:
        app: ASGI application that gets what is let in.
        hosts: Names by which visitors reach the server.
        uploads: Folder of what visitors send, of which alone files are served.

    Example:
        >>> from pathlib import Path
        >>> from starlette.testclient import TestClient
        >>> page, hosts = PlainTextResponse("the page"), Hosts.of("127.0.0.1")
        >>> guard = AllowedRequests(page, hosts, Uploads(Path("uploads")))
        >>> visitor = TestClient(guard, base_url="http://localhost:7860")
        >>> visitor.get("/").text, visitor.get("/gradio_api/file=/etc/passwd").text.strip()
        ('the page', 'not found')
        >>> visitor.get("/", headers={"origin": "http://evil.example"}).status_code
        403
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, uploads: Uploads) -> None:
        self._app = app
        self._hosts = hosts
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # Gradio has no websockets
            return await send({"type": "websocket.close"})
        if refusal := self._stranger(Headers(scope=scope)) or self._unserved(scope):
            return await refusal(scope, receive, send)
        self._forget_other_hosts(scope)
        if scope["path"].rstrip("/") != _UPLOAD:
            return await self._app(scope, receive, send)
        with self._uploads.receiving():
            return await self._app(scope, receive, send)

    def _stranger(self, headers: Headers) -> PlainTextResponse | None:
        """Refuse names that are not this server's, and pages that are not."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._hosts.know(host):
            return PlainTextResponse(
                "this server is not known by that name; ALLOWED_HOSTS can list it\n", 403
            )
        from_elsewhere = headers.get("sec-fetch-site") == "cross-site"
        embedded = headers.get("sec-fetch-mode", "navigate") != "navigate"
        if (origin is not None and not self._hosts.trust(origin, host)) or (
            origin is None and from_elsewhere and embedded
        ):
            return PlainTextResponse("pages of other sites cannot use this server\n", 403)
        return None

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

    def _forget_other_hosts(self, scope: Scope) -> None:
        """Let nobody but a proxy under a known name say by which name the page is reached."""
        scope["headers"] = [
            (name, value)
            for name, value in scope["headers"]
            if name != b"x-forwarded-host" or self._hosts.know(value.decode("latin-1"))
        ]
