"""Headers of every response."""

import http.client
from urllib.request import urlopen

from demo_server import Server, Visitor


def test_answers_have_safe_headers(server: Server) -> None:
    with urlopen(server.url, timeout=10) as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_answers_carry_a_policy(visitor: Visitor) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", visitor.server.port, timeout=20)
    for path in ("/", "/config", "/nothing"):
        connection.request("GET", path, headers={"Accept-Encoding": "br, gzip"})
        answer = connection.getresponse()
        answer.read()
        rules = dict(
            rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; ")
        )
        assert rules["default-src"] == "'self'" and rules["frame-ancestors"] == "'self'"
        assert "unsafe-inline" not in rules["script-src"]
    connection.close()
