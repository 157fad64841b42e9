"""Serving the page: on which address, until when, and what is left behind."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from inference.demo.app import guarded_app
from inference.demo.guards.logins import Login
from inference.demo.guards.uploads import Uploads
from inference.demo.page import build_page
from inference.demo.temporary_folder import temporary_folder
from inference.detection.finder import FaceFinder
from inference.served.guards.connections import BoundedProtocol
from inference.served.guards.hosts import Hosts

_SECONDS_TO_END = 2  # for responses under way when the server is stopped
_MAX_CONNECTIONS = 500
_SIGHUP = getattr(signal, "SIGHUP", None)  # not on Windows


def serve(
    models: Path,
    host: str,
    port: int,
    login: tuple[str, str] | None = None,
    allowed_hosts: Iterable[str] = (),
    framed_by: Iterable[str] = (),
    proxies: str | None = None,
    classify_origin: bool = False,
) -> None:
    """Serve the page until it is interrupted, and leave no picture behind.

    Args:
        models: Folder that the export wrote.
        host: Address to listen on; "0.0.0.0" and "::" are all addresses of the machine.
        port: Port to listen on, from 1 to 65535.
        login: User and password to ask for; None lets everyone in.
        allowed_hosts: Names, besides this machine's own, by which visitors reach the page.
        framed_by: Origins whose pages may show this one in a frame.
        proxies: Networks of proxies before the server, e.g. "10.0.0.0/8,172.16.0.0/12", whose word
            counts for who the client is. None is what FORWARDED_ALLOW_IPS says, else 127.0.0.1.
        classify_origin: Whether faces are classified by labels of origin as well.

    Raises:
        BundleError: No model can be used.
        DetectorError: The face detector is not installed, or is another one.
        OSError: The server cannot listen there.
    """
    _stop_on(signal.SIGTERM, lambda *_: sys.exit(0))
    _stop_on(_SIGHUP, lambda *_: sys.exit(0))
    FaceFinder().loaded()
    hosts = Hosts.of(host, allowed_hosts)
    with _listening(host, port) as listener, temporary_folder() as temporary:
        uploads, examples = Uploads(temporary / "uploads"), temporary / "examples"
        os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
        examples.mkdir()
        page = build_page(models, examples, uploads, classify_origin)
        uploads.keep_what_is_there()
        app = guarded_app(page, uploads, hosts, Login(*login) if login else None, framed_by)
        print(_welcome(host, port, hosts), flush=True)
        with suppress(KeyboardInterrupt):
            _server(app, proxies).run([listener])


def _stop_on(number: int | None, stop: Callable[..., object]) -> None:
    """Stop on a signal, unless whoever started the server had it ignored, as nohup does."""
    if number is not None and signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, stop)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, *_, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server(
            address[:2], family=family, backlog=_MAX_CONNECTIONS, dualstack_ipv6=both
        )
    except OSError as error:
        raise OSError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    with listener:
        yield listener


class _Server(uvicorn.Server):
    """Uvicorn, which also ends in good order when its terminal is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        _stop_on(_SIGHUP, self._end)
        with super().capture_signals():
            yield

    def _end(self, *_: object) -> None:
        self.should_exit = True


def _server(app: FastAPI, proxies: str | None) -> uvicorn.Server:
    class Protocol(BoundedProtocol):
        max_waiting = None if proxies else BoundedProtocol.max_waiting

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        forwarded_allow_ips=proxies,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    return _Server(config)


def _welcome(host: str, port: int, hosts: Hosts) -> str:
    if not hosts.everywhere:
        name = f"[{hosts.address}]" if ":" in hosts.address else host
        return f"Open http://{name}:{port} in a browser; Ctrl+C stops the server."
    names = ", ".join(sorted(hosts.named)) or "none yet"
    return (
        f"Open http://localhost:{port} in a browser; from other machines use this one's IP "
        f"address, or a name listed in ALLOWED_HOSTS ({names}). Ctrl+C stops the server."
    )
