"""A server of HTTP as the page and the service run it: where it listens, and how it ends."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from inference.served.guards.connections import BoundedProtocol
from inference.served.log import log_failure, log_line

_MAX_CONNECTIONS = 500
_SIGHUP = getattr(signal, "SIGHUP", None)  # not on Windows


def end_on_signals() -> None:
    """End the process in good order, status 0, on SIGTERM and when its terminal is closed."""
    stop_on(signal.SIGTERM, lambda *_: sys.exit(0))
    stop_on(_SIGHUP, lambda *_: sys.exit(0))


def stop_on(number: int | None, stop: Callable[..., object]) -> None:
    """Stop on a signal, unless whoever started the server had it ignored, as nohup does.

    Args:
        number: Signal; None for one that this system does not have.
        stop: Function to call with the signal and the frame.
    """
    if number is not None and signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, stop)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address.

    Args:
        host: Address or name; "0.0.0.0" and "::" are all addresses of the machine.
        port: Port, from 1 to 65535.

    Yields:
        Socket that listens, which is closed at the end.

    Raises:
        OSError: The address is not this machine's, or the port is in use.

    Example:
        >>> with listening("127.0.0.1", 0) as listener:
        ...     listener.getsockname()[0]
        '127.0.0.1'
    """
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


class Server(uvicorn.Server):
    """Uvicorn, which also ends in good order when its terminal is closed.

    Args:
        config: Configuration of uvicorn.
        ending: Function to call when the server begins to end.
    """

    def __init__(self, config: uvicorn.Config, ending: Callable[[], object]) -> None:
        super().__init__(config)
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections; what goes wrong in no request is logged in one line.

        Args:
            sockets: Sockets that listen.
        """
        asyncio.get_running_loop().set_exception_handler(_log_in_one_line)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and end when responses under way are sent.

        Args:
            sockets: Sockets that listen.
        """
        self._ending()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on signals while the block runs."""
        stop_on(_SIGHUP, self._end)
        with super().capture_signals():
            yield

    def _end(self, *_: object) -> None:
        self.should_exit = True


def _log_in_one_line(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is None:
        log_line(context["message"])
    else:
        log_failure(error, context["message"])


def make_server(
    app: ASGIApp,
    proxies: str | None,
    seconds_to_end: int,
    waiting_of_one_client: int | None = BoundedProtocol.max_waiting,
    ending: Callable[[], object] = lambda: None,
) -> Server:
    """Make a server with limits on its connections.

    Args:
        app: ASGI application to serve.
        proxies: Networks of proxies before the server, whose word counts for who the client is;
            None is what FORWARDED_ALLOW_IPS says, else 127.0.0.1.
        seconds_to_end: Time for responses under way when the server is stopped.
        waiting_of_one_client: Largest number of connections of one address on which no request has
            come yet. Behind proxies there is no limit, as all have their address.
        ending: Function to call when the server begins to end.
    """

    class Protocol(BoundedProtocol):
        max_waiting = None if proxies else waiting_of_one_client

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        forwarded_allow_ips=proxies,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=seconds_to_end,
    )
    return Server(config, ending)


def url_of(host: str, port: int) -> str:
    """Return how a browser on this machine reaches the server.

    Args:
        host: Address that the server listens on.
        port: Port that it listens on.

    Example:
        >>> url_of("127.0.0.1", 7860), url_of("0.0.0.0", 80), url_of("::1", 80)
        ('http://127.0.0.1:7860', 'http://localhost:80', 'http://[::1]:80')
    """
    host = "localhost" if host in ("0.0.0.0", "::", "") else host.strip("[]")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
