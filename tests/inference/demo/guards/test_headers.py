"""Headers of every response."""

import http.client
import re

import pytest
from demo_server import Visitor

from inference.demo.guards.headers import inline_scripts


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
