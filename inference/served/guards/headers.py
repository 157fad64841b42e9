"""Headers of every response: what the page may load and run, and who may show it in a frame."""

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"permissions-policy": b"camera=(self), microphone=(), geolocation=()",
}
_SCRIPT = re.compile(rb"<script\b[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

# Gradio sets styles inline; its plots (Vega) and its HTML component compile their templates.
_RULES = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}


def policy(scripts: Iterable[str] = (), framed_by: str = "'self'") -> str:
    """Return the content security policy of a page.

    Args:
        scripts: SHA-256 hashes, in base64, of the page's own inline scripts.
        framed_by: Origins whose pages may show it in a frame, as the policy has them.

    Returns:
        Value of the header Content-Security-Policy.

    Example:
        >>> "script-src 'self' 'unsafe-eval' 'sha256-47DE'" in policy(["47DE"])
        True
    """
    run = " ".join(["'self'", "'unsafe-eval'", *(f"'sha256-{one}'" for one in scripts)])
    rules = _RULES | {"script-src": run, "frame-ancestors": framed_by}
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def inline_scripts(html: bytes) -> list[str]:
    """Find the scripts that are written out in a page: these may run, no others.

    Args:
        html: Page as it is sent, not compressed.

    Returns:
        SHA-256 hash of each script, in base64.

    Example:
        >>> inline_scripts(b"<script>go()</script><script src='a.js'></script>")
        ['5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw=']
    """
    return [
        base64.b64encode(hashlib.sha256(script).digest()).decode()
        for script in _SCRIPT.findall(html)
        if script
    ]


class SafeHeaders:
    """ASGI middleware: every response gets safe headers, the page a policy for its own scripts.

    Args:
        app: ASGI application whose responses get the headers.
        framed_by: Origins whose pages may show the page in a frame, as the policy has them.

    Example:
        >>> from starlette.responses import HTMLResponse
        >>> from starlette.testclient import TestClient
        >>> visitor = TestClient(SafeHeaders(HTMLResponse("<script>go()</script>")))
        >>> policy = visitor.get("/").headers["content-security-policy"]
        >>> "'sha256-5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw='" in policy
        True
    """

    def __init__(self, app: ASGIApp, framed_by: str = "'self'") -> None:
        self._app = app
        self._framed_by = framed_by
        own_frames = {b"x-frame-options": b"SAMEORIGIN"} if framed_by == "'self'" else {}
        self._headers = _HEADERS | own_frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if scope["path"] != "/":
            return await self._app(scope, receive, self._headed(send))
        uncompressed = [one for one in scope["headers"] if one[0] != b"accept-encoding"]
        page = {**scope, "headers": uncompressed}
        return await self._app(page, receive, self._read_first(send))

    def _headed(self, send: Send) -> Send:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(message)
            await send(message)

        return headed

    def _read_first(self, send: Send) -> Send:
        """Hold a response back until all of it is there, to see which scripts are in it."""
        start: Message = {}
        body = bytearray()

        async def read(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                self._add(start, inline_scripts(bytes(body)))
                await send(start)
                await send({"type": "http.response.body", "body": bytes(body)})

        return read

    def _add(self, start: Message, scripts: Iterable[str] = ()) -> None:
        new = self._headers | {
            b"content-security-policy": policy(scripts, self._framed_by).encode()
        }
        there = [one for one in start.get("headers", []) if one[0].lower() not in new]
        start["headers"] = [*there, *new.items()]
