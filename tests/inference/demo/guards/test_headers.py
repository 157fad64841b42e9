"""Headers of every response."""

import asyncio
import http.client
import re

import pytest
from demo_server import Visitor
from starlette.types import Message, Receive, Scope, Send

from inference.served.guards.headers import SafeHeaders, inline_scripts, policy


def respond(visitor: Visitor, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = visitor.connect()
    connection.request("GET", path, headers={"Accept-Encoding": "br, gzip"})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def policy_of(response: http.client.HTTPResponse) -> dict[str, str]:
    [value] = response.headers.get_all("Content-Security-Policy", [])
    return dict(rule.split(" ", 1) for rule in value.split("; "))


PATHS = ("/", "/config", "/nothing", "/gradio_api/info")


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_safe_headers(visitor: Visitor, path: str) -> None:
    headers = respond(visitor, path)[0].headers
    assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
    assert headers.get_all("Referrer-Policy") == ["no-referrer"]
    assert headers["Permissions-Policy"] == "camera=(self), microphone=(), geolocation=()"
    assert "Server" not in headers


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_loaded_from_or_sent_elsewhere(visitor: Visitor, path: str) -> None:
    rules = policy_of(respond(visitor, path)[0])
    own = {"default-src", "connect-src", "form-action", "base-uri", "frame-ancestors"}
    assert {rules[name] for name in own} == {"'self'"}
    assert rules["object-src"] == "'none'"
    assert "unsafe-inline" not in rules["script-src"]
    allowed = {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}
    sources = {source for rule in rules.values() for source in rule.split()}
    assert not {source for source in sources - allowed if not source.startswith("'sha256-")}


def test_only_the_pages_own_scripts_run(visitor: Visitor) -> None:
    response, page = respond(visitor, "/")
    hashes = re.findall(r"'sha256-([^']+)'", policy_of(response)["script-src"])
    assert hashes and hashes == inline_scripts(page)
    assert "sha256" not in policy_of(respond(visitor, "/config")[0])["script-src"]


def test_an_apps_own_headers_are_replaced_and_its_page_is_not_compressed() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["headers"] == [(b"host", b"localhost")]
        own = [(b"X-Frame-Options", b"ALLOWALL"), (b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": own})
        for part in (b"<script>go", b"()</script>"):
            await send({"type": "http.response.body", "body": part, "more_body": b"(" not in part})

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"accept-encoding", b"br"), (b"host", b"localhost")]
    scope: Scope = {"type": "http", "path": "/", "headers": headers}
    asyncio.run(SafeHeaders(app)(scope, asyncio.sleep, send))
    start, body = sent
    names = [name.lower() for name, _ in start["headers"]]
    assert len(names) == len(set(names)) and b"content-type" in names
    assert dict(start["headers"])[b"x-frame-options"] == b"SAMEORIGIN"
    rules = dict(start["headers"])[b"content-security-policy"].decode()
    assert f"'sha256-{inline_scripts(b'<script>go()</script>')[0]}'" in rules
    assert body["body"] == b"<script>go()</script>"


def test_named_sites_may_show_the_page_in_a_frame() -> None:
    guard = SafeHeaders(asyncio.sleep, "'self' https://huggingface.co")
    assert b"x-frame-options" not in guard._headers
    assert "frame-ancestors 'self' https://huggingface.co" in policy((), guard._framed_by)
