"""Clients of the service for tests: in this process, or of a real server."""

import base64
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from starlette.testclient import TestClient

from inference.detection.finder import FaceFinder
from inference.served.models import ServedModels
from inference.service.app import make_service
from inference.service.metrics import Metrics
from inference.service.reloading import CurrentModels
from inference.service.settings import Settings

ROOT = Path(__file__).parents[3]
KEY = "0123456789abcdef-key"


@contextmanager
def service_of(models: Path, **changes: Any) -> Iterator[TestClient]:
    """A client of a service in this process, by a name that the service knows."""
    settings = replace(Settings(models, "127.0.0.1", 8000, has_page=False), **changes)
    finder = FaceFinder(1)
    current = CurrentModels(
        models, lambda folder: ServedModels.read(folder, settings.classify_origin, 1, finder)
    )
    service = make_service(settings, current, Metrics(), None)
    with TestClient(service, base_url="http://localhost:8000") as client:
        yield client


def form(*files: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Files as httpx takes them."""
    return [("images", (name, content, "image/jpeg")) for name, content in files]


def in_json(*contents: bytes) -> dict[str, Any]:
    return {"images": [{"data": base64.b64encode(content).decode()} for content in contents]}


def as_bytes(image: Image.Image, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def check_against_document(client: httpx.Client, response: httpx.Response) -> None:
    """A response must be what /openapi.json says of its path, method and status."""
    document = client.get("/openapi.json").json()
    path, method = response.request.url.path, response.request.method.lower()
    described = document["paths"][path][method]["responses"]
    assert str(response.status_code) in described, (path, response.status_code)
    kinds = described[str(response.status_code)].get("content", {})
    kind = response.headers["content-type"].partition(";")[0]
    assert kind in kinds, (path, response.status_code, kind)
    if kind == "application/json":
        schema = kinds[kind]["schema"] | {"components": document["components"]}
        Draft202012Validator(schema).validate(response.json())


@dataclass(frozen=True)
class Served:
    """A real server, as `python -m inference serve` starts it."""

    process: subprocess.Popen
    url: str
    log: Path

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def wait(self) -> None:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.2)
        pytest.fail(f"the service did not start: {self.log.read_text()}")


def start(models: Path, folder: Path, *options: str, hurry: str = "", **more: str) -> Served:
    """Start a server; `hurry` is Python that changes it first, `more` is of its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "temp").mkdir(exist_ok=True)
    run = "from inference.__main__ import app; app(prog_name='inference')"
    command = ["-c", f"{hurry}; {run}"] if hurry else ["-m", "inference"]
    log = folder / "log"
    process = subprocess.Popen(
        [sys.executable, *command, "serve", *options],
        cwd=ROOT,
        env=os.environ
        | {"PORT": str(port), "MODELS": str(models), "TMPDIR": str(folder / "temp")}
        | more,
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
    )
    return Served(process, f"http://127.0.0.1:{port}", log)


@contextmanager
def running(models: Path, folder: Path, *options: str, **more: str) -> Iterator[Served]:
    """A server that must end well, and leave no file behind."""
    served = start(models, folder, *options, **more)
    try:
        served.wait()
        yield served
    finally:
        served.process.send_signal(signal.SIGTERM)
        try:
            served.process.wait(timeout=60)
        finally:
            served.process.kill()
    assert served.process.returncode == 0
    assert "Traceback" not in served.log.read_text()
    assert not [path for path in (folder / "temp").rglob("*") if path.is_file()]
