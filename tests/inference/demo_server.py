"""A real demo server for tests, as `python -m inference demo` starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen
    url: str
    temp: Path
    log: Path | None = None

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def start(
    models: Path, temp: Path, port: int, log: Path | None = None, hurry: str = "", **more: str
) -> subprocess.Popen:
    """Start the demo; `hurry` is Python that shortens its times first."""
    command = ["-m", "inference", "demo"]
    if hurry:
        run = "from inference.__main__ import app; app(['demo'], prog_name='inference')"
        command = ["-c", f"{hurry}; {run}"]
    settings = {"PORT": str(port), "MODELS": str(models), "TMPDIR": str(temp)} | more
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=log.open("w") if log else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running(models: Path, temp: Path, hurry: str = "", **more: str) -> Iterator[Server]:
    """A server that logs into `temp`'s neighbour and must end well and leave nothing."""
    temp.mkdir()
    log, port = temp.with_name(f"{temp.name}.log"), free_port()
    process = start(models, temp, port, log, hurry, **more)
    server = Server(process, f"http://127.0.0.1:{port}", temp, log)
    try:
        wait_until_up(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    assert process.returncode == 0
    assert not [path for path in temp.rglob("*") if path.is_file()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(server: Server) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            return opener.open(server.url, timeout=5).close()
        except HTTPError:
            return None
        except URLError:
            time.sleep(0.2)
    pytest.fail("the demo did not start")
