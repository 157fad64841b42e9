"""Names of the server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.served.guards.hosts import Hosts


@pytest.mark.parametrize(
    ("address", "named", "host", "known"),
    [
        ("0.0.0.0", "", "192.168.1.5:7860", True),
        ("0.0.0.0", "", "[fe80::1]:7860", True),
        ("0.0.0.0", "", "server.lan", False),
        ("0.0.0.0", "server.lan", "SERVER.lan:80", True),
        ("192.168.1.5", "", "192.168.1.5:7860", True),
        ("192.168.1.5", "", "192.168.1.6:7860", False),
        ("myhost", "", "myhost:7860", True),
        ("127.0.0.1", "https://faces.example.org:8443/", "faces.example.org", True),
        ("127.0.0.1", "*.example.org", "faces.example.org", True),
        ("127.0.0.1", "*.example.org", "example.org", False),
        ("127.0.0.1", "*.example.org", "evilexample.org", False),
        ("127.0.0.1", "*", "anything", True),
        ("127.0.0.1", " , ", "", False),
        ("127.0.0.1", "", "evil@localhost", False),
        ("127.0.0.1", "", "localhost:80:80", False),
        ("127.0.0.1", "", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "", "127.0.0.2", True),
        ("127.0.0.1", "", "0.0.0.0", False),
    ],
)
def test_host_names(address: str, named: str, host: str, known: bool) -> None:
    assert Hosts.of(address, named.split(",")).know(host) is known


@pytest.mark.parametrize(
    ("origin", "host", "trusted"),
    [
        ("http://localhost:7860", "localhost:7860", True),
        ("https://localhost", "localhost:443", True),
        ("http://LOCALHOST:80", "localhost", True),
        ("http://localhost:7861", "localhost:7860", False),
        ("ftp://localhost:7860", "localhost:7860", False),
        ("https://faces.example.org", "localhost:7860", True),
        ("https://evil.example", "faces.example.org", False),
        ("null", "localhost:7860", False),
        ("http://[::1", "[::1", False),
    ],
)
def test_origins(origin: str, host: str, trusted: bool) -> None:
    assert Hosts.of("127.0.0.1", ["faces.example.org"]).trust(origin, host) is trusted


@given(st.text(), st.text())
def test_no_host_or_origin_is_an_error(host: str, origin: str) -> None:
    hosts = Hosts.of("127.0.0.1")
    assert hosts.know(host) in (True, False)
    assert hosts.trust(origin, host) in (True, False)
