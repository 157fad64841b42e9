"""A real demo server for tests, as `python -m inference demo` starts it, and its visitors."""

import http.client
import json
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
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

import pytest

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen
    port: int
    temp: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def start(models: Path, temp: Path, hurry: str = "", **more: str) -> Server:
    """Start the demo, which logs into `temp`'s neighbor.

    `hurry` is Python that shortens its times first, `more` are variables of its environment.
    """
    temp.mkdir(exist_ok=True)
    command = ["-m", "inference", "demo"]
    if hurry:
        run = "from inference.__main__ import app; app(['demo'], prog_name='inference')"
        command = ["-c", f"{hurry}; {run}"]
    log, port = temp.with_name(f"{temp.name}.log"), free_port()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PORT": str(port), "MODELS": str(models), "TMPDIR": str(temp)} | more,
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )
    return Server(process, port, temp, log)


@contextmanager
def running(
    models: Path, temp: Path, hurry: str = "", end: int = signal.SIGTERM, **more: str
) -> Iterator[Server]:
    """A server that must end well by the signal `end`, and leave no file behind."""
    server = start(models, temp, hurry, **more)
    try:
        wait_until_up(server)
        yield server
    finally:
        server.process.send_signal(end)
        try:
            server.process.wait(timeout=30)
        finally:
            server.process.kill()
    assert server.process.returncode == 0
    assert "Traceback" not in server.log.read_text()
    left = [path for path in temp.rglob("*") if path.is_file()]
    assert not left, "uploads, or the session file of onnxruntime's telemetry"


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
        except (URLError, TimeoutError):  # the latter on a busy machine
            time.sleep(0.2)
    pytest.fail(f"the demo did not start: {server.log.read_text()}")


class Visitor:
    """Speaks HTTP by hand; a client library would check and upload first."""

    def __init__(self, server: Server, address: str = "127.0.0.1") -> None:
        self.server = server
        self.address = address

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(
            "127.0.0.1", self.server.port, timeout=20, source_address=(self.address, 0)
        )

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, str]:
        """Return status and text; of a stream what came before its end."""
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return self.ask("GET", path, **headers)

    def post(self, path: str, content: Any, **headers: str) -> tuple[int, str]:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.ask("POST", path, body, **{"Content_Type": "application/json"} | headers)

    def config(self) -> dict[str, Any]:
        return json.loads(self.get("/config")[1])

    def log_in(self, user: str, password: str) -> str:
        """Return the cookies of a visitor who logged in."""
        connection = self.connect()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login", f"username={user}&password={password}", form)
        cookies = connection.getresponse().headers.get_all("Set-Cookie", [])
        connection.close()
        return "; ".join(cookie.partition(";")[0] for cookie in cookies)

    def upload(self, picture: Path) -> str:
        """Return the path at which the server has it."""
        part = f'Content-Disposition: form-data; name="files"; filename="{picture.name}"'
        body = f"--x\r\n{part}\r\n\r\n".encode() + picture.read_bytes() + b"\r\n--x--\r\n"
        kind = "multipart/form-data; boundary=x"
        return json.loads(self.ask("POST", "/gradio_api/upload", body, Content_Type=kind)[1])[0]

    def call(self, route: str, function: dict[str, Any], data: list[Any]) -> str:
        """Call a function by one of the three routes and return all that was answered."""
        name, number = function["api_name"], function["id"]
        if route == "run":
            return self.post(f"/gradio_api/run/{name}", {"data": data, "fn_index": number})[1]
        if route == "call":
            status, text = self.post(f"/gradio_api/call/{name}", {"data": data})
            if status != 200:
                return text
            return self.get(f"/gradio_api/call/{name}/{json.loads(text)['event_id']}")[1]
        session = f"session{time.monotonic_ns()}"
        content = {"data": data, "fn_index": number, "session_hash": session}
        status, text = self.post("/gradio_api/queue/join", content)
        if status != 200:
            return text
        return self.get(f"/gradio_api/queue/data?session_hash={session}")[1]
