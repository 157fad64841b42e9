"""The HTTP service under load: `python -m benchmarks.service_load --models DIR --photos DIR`.

It starts `python -m inference serve` and drives it with 1, 8 and 32 clients, each of which sends
the next picture when the one before is answered.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from threading import Thread
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from data.atomic import write_text
from data.cli import Command, CommandError, UsageError, existing_path, say
from data.memory import in_words
from inference.inputs import expand

_BOUNDARY = "benchmark"
_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_SECONDS_TO_START = 120
_DRAWN = 8  # portraits, where no photos are given

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass
class Load:
    """What so many clients saw.

    Attributes:
        clients: Number of clients that sent at the same time.
        seconds: Time for which they did.
        latencies: Seconds of each request that was answered with faces.
        late: Number of requests that were answered with faces after the time.
        errors: Number of other responses, by status; 0 where the connection broke.
        memory: Most bytes that the server's processes had resident together.
        cpu: Seconds of processor time that they used.

    Example:
        >>> load = Load(8, 2.0, [0.1, 0.1, 0.2, 0.4], memory=100_000_000)
        >>> load.throughput, load.percentile(50)
        (2.0, 0.15)
    """

    clients: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    late: int = 0
    errors: Counter[int] = field(default_factory=Counter)
    memory: int = 0
    cpu: float = 0.0

    @property
    def throughput(self) -> float:
        """Pictures a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """Return the latency in seconds below which `percent` of the requests lie."""
        if len(self.latencies) < 2:
            return self.latencies[0] if self.latencies else float("nan")
        return quantiles(self.latencies, n=100, method="inclusive")[percent - 1]

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        figures = asdict(self) | {"requests": len(self.latencies), "throughput": self.throughput}
        del figures["latencies"]
        return figures | {f"p{one}": self.percentile(one) for one in (50, 95)}


@app.command(cls=Command)
def measure(
    models: Annotated[
        Path, typer.Option(help="Folder that `make export` wrote.", envvar="MODELS")
    ] = Path("artifacts/models"),
    photos: Annotated[
        Path | None,
        typer.Option(help="Folder of photos to send. Left out: drawn portraits.", envvar="PHOTOS"),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time for each number of clients.")] = 60,
    clients: Annotated[str, typer.Option(help="Numbers of clients, the first alone.")] = "1,8,32",
    workers: Annotated[int, typer.Option(min=1, help="Processes of the server.")] = 1,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Also write the figures.")
    ] = None,
) -> None:
    """Drive a real server with more and more clients: throughput, p50, p95, errors, memory."""
    numbers = _numbers(clients)
    pictures = _pictures(photos)
    with _serving(existing_path(models, "MODELS"), workers) as (server, port):
        _drive(port, 2, min(seconds, 5.0), pictures, server)  # warms up
        loads = []
        for number in numbers:
            say(f"{number} clients for {seconds:g} s")
            loads.append(_drive(port, number, seconds, pictures, server))
    Console().print(_table(loads, len(pictures), workers))
    if json_out:
        write_text(json_out, json.dumps([one.to_dict() for one in loads], indent=2) + "\n")


def _numbers(clients: str) -> list[int]:
    try:
        numbers = [int(number) for number in clients.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(1 <= number <= 256 for number in numbers):
        raise UsageError(f"--clients {clients}: give numbers from 1 to 256 with commas between")
    return numbers


def _pictures(photos: Path | None) -> list[bytes]:
    if photos:
        files = expand([existing_path(photos, "PHOTOS")]).files
        if not files:
            raise UsageError(f"no photos in {photos}")
        return [_form(path.read_bytes()) for path in files]
    from data.synthetic.writing import generate

    with tempfile.TemporaryDirectory() as folder:
        drawn = generate(Path(folder) / "portraits", _DRAWN, seed=0)
        return [_form(path.read_bytes()) for path in sorted(drawn.rglob("*.jpg"))]


def _form(content: bytes) -> bytes:
    head = 'Content-Disposition: form-data; name="images"; filename="photo.jpg"'
    return (
        f"--{_BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
    )


@contextmanager
def _serving(models: Path, workers: int) -> Iterator[tuple[psutil.Process, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-page", "--queue", "256", "--per-client", "256", "--workers", str(workers)]
    command = [sys.executable, "-m", "inference", "serve", "--models", str(models)]
    server = subprocess.Popen([*command, "--port", str(port), *options], stdout=subprocess.DEVNULL)
    try:
        _wait(server, port)
        yield psutil.Process(server.pid), port
    finally:
        server.terminate()
        server.wait()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CommandError("the server did not start: see above")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise CommandError(f"the server was not ready within {_SECONDS_TO_START} s")


def _drive(
    port: int, clients: int, seconds: float, pictures: Sequence[bytes], server: psutil.Process
) -> Load:
    load, before = Load(clients, seconds), _cpu(server)
    end = time.monotonic() + seconds
    threads = [
        Thread(target=_send, args=(port, end, pictures, start, load)) for start in range(clients)
    ]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        load.memory = max(load.memory, _memory(server))
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    load.cpu = _cpu(server) - before
    return load


def _send(port: int, end: float, pictures: Sequence[bytes], first: int, load: Load) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    order = cycle([*pictures[first % len(pictures) :], *pictures[: first % len(pictures)]])
    while time.monotonic() < end:
        start = time.perf_counter()
        try:
            connection.request("POST", "/v1/faces", next(order), {"Content-Type": _TYPE})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            load.errors[0] += 1
            continue
        if response.status != 200:
            load.errors[response.status] += 1
        elif time.monotonic() < end:
            load.latencies.append(time.perf_counter() - start)
        else:
            load.late += 1


def _processes(server: psutil.Process) -> list[psutil.Process]:
    return [server, *server.children(recursive=True)]


def _memory(server: psutil.Process) -> int:
    return sum(one.memory_info().rss for one in _processes(server))


def _cpu(server: psutil.Process) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in _processes(server))


def _table(loads: Sequence[Load], pictures: int, workers: int) -> Table:
    table = Table(title=f"{pictures} pictures over HTTP, {workers} process{'es' * (workers > 1)}")
    heads = ("clients", "pictures/s", "against the first", "p50 ms", "p95 ms", "errors", "memory",
             "CPU ms a picture")  # fmt: skip
    for head in heads:
        table.add_column(head, justify="right")
    for load in loads:
        errors = ", ".join(f"{count} x {status}" for status, count in load.errors.items()) or "0"
        table.add_row(
            str(load.clients),
            f"{load.throughput:.1f}",
            f"{load.throughput / (loads[0].throughput or float('nan')):.2f}",
            f"{1e3 * load.percentile(50):.0f}",
            f"{1e3 * load.percentile(95):.0f}",
            errors,
            in_words(load.memory),
            f"{1e3 * load.cpu / max(1, len(load.latencies) + load.late):.0f}",
        )
    return table


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.service_load")
