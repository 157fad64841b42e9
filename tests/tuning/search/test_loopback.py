"""Chief and workers talk on this machine whatever proxy the environment names."""

import os
import subprocess
import sys

import pytest

from tuning.search import loopback

TALK = """
import sys
from concurrent.futures import ThreadPoolExecutor
import grpc
from tuning.search import loopback
if sys.argv[1] == "direct":
    loopback.keep_direct()
server = grpc.server(ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{port}")
try:
    grpc.channel_ready_future(channel).result(timeout=3)
    print("reached")
except grpc.FutureTimeoutError:
    print("proxy")
"""


@pytest.mark.parametrize("variable", ["http_proxy", "grpc_proxy"])
@pytest.mark.parametrize("exceptions", [{}, {"no_proxy": "example.org"}, {"no_grpc_proxy": "a.b"}])
def test_this_machine_is_reached_without_the_proxy(
    variable: str, exceptions: dict[str, str]
) -> None:
    assert talk("direct", {variable: "http://127.0.0.1:9", **exceptions}) == "reached"


def test_without_that_the_proxy_would_be_asked() -> None:
    assert talk("plain", {"http_proxy": "http://127.0.0.1:9"}) == "proxy"


def talk(how: str, environment: dict[str, str]) -> str:
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    call = [sys.executable, "-c", TALK, how]
    return subprocess.check_output(call, env={**clean, **environment}, text=True).strip()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "corp.example"}, "corp.example,localhost,127.0.0.1,::1"),
        ({"no_proxy": "a, 127.0.0.1", "NO_PROXY": "b"}, "a,127.0.0.1,localhost,::1"),
    ],
)
def test_exceptions_from_the_proxy_stay(
    before: dict[str, str], after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("no_proxy", before.get("no_proxy", ""))
    loopback.keep_direct()
    assert os.environ["no_proxy"] == after
