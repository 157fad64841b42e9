"""Requests of other sites' pages, and under names that are not this server's, are refused."""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from inference.served.guards.hosts import Hosts
from inference.served.guards.refusal import Refuse, in_plain_text


class OwnSite:
    """ASGI middleware: lets in what is asked of this server by its names, and not by other sites.

    A name that is not known may be an attacker's that was made to lead here (DNS rebinding).

    Args:
        app: ASGI application that gets what is let in.
        hosts: Names by which visitors reach the server.
        refuse: Function that makes the response to others.

    Example:
        >>> from starlette.responses import PlainTextResponse
        >>> from starlette.testclient import TestClient
        >>> guard = OwnSite(PlainTextResponse("the page"), Hosts.of("127.0.0.1"))
        >>> visitor = TestClient(guard, base_url="http://localhost:7860")
        >>> visitor.get("/").text
        'the page'
        >>> visitor.get("/", headers={"origin": "http://evil.example"}).status_code
        403
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, refuse: Refuse = in_plain_text) -> None:
        self._app = app
        self._hosts = hosts
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # nothing here has websockets
            return await send({"type": "websocket.close"})
        if refusal := self._stranger(Headers(scope=scope)):
            return await refusal(scope, receive, send)
        self._forget_other_hosts(scope)
        return await self._app(scope, receive, send)

    def _stranger(self, headers: Headers) -> Response | None:
        """Refuse names that are not this server's, and pages that are not."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._hosts.know(host):
            return self._refuse(
                403, "this server is not known by that name; ALLOWED_HOSTS can list it"
            )
        from_elsewhere = headers.get("sec-fetch-site") == "cross-site"
        embedded = headers.get("sec-fetch-mode", "navigate") != "navigate"
        if (origin is not None and not self._hosts.trust(origin, host)) or (
            origin is None and from_elsewhere and embedded
        ):
            return self._refuse(403, "pages of other sites cannot use this server")
        return None

    def _forget_other_hosts(self, scope: Scope) -> None:
        """Let nobody but a proxy under a known name say by which name the page is reached."""
        scope["headers"] = [
            (name, value)
            for name, value in scope["headers"]
            if name != b"x-forwarded-host" or self._hosts.know(value.decode("latin-1"))
        ]
