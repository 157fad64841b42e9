"""Connections: how long a request's head may take, and how many may keep the server waiting."""

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS_FOR_HEAD = 10
"""Time within which a whole request head must come; else the connection is closed."""

MAX_WAITING_OF_ONE_CLIENT = 32
"""Largest number of connections of one address on which no request has come yet."""


def _send_at_once(connection: Any) -> None:
    """Let a response's body follow its head without the 40 ms that Nagle's algorithm waits.

    asyncio asks for it by itself, but not on connections of a socket that was made beforehand.
    """
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class BoundedProtocol(H11Protocol):
    """Uvicorn's HTTP, which by itself would wait for a request head for ever.

    Attributes:
        max_waiting: Largest number of waiting connections of one address; None is any number, for
            a server behind a proxy, whose address is everybody's.
    """

    max_waiting: int | None = MAX_WAITING_OF_ONE_CLIENT
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or say that its client has too many."""
        super().connection_made(transport)
        _send_at_once(transport.get_extra_info("socket"))
        if self.max_waiting and self._waiting_of_this_client() > self.max_waiting:
            self._refuse("503 Service Unavailable", "too many connections of yours are open")
        else:
            self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Read on; a head that has begun must end in time, also on a connection in use before."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    @property
    def _is_waiting(self) -> bool:
        return self.conn.their_state is h11.IDLE

    def _waiting_of_this_client(self) -> int:
        address = _address(self)
        return sum(
            isinstance(other, BoundedProtocol) and other._is_waiting and _address(other) == address
            for other in self.connections
        )

    def _watch_head(self) -> None:
        if not self._is_waiting:
            self._stop_timer()
        elif not self._head_timer:
            self._head_timer = self.loop.call_later(SECONDS_FOR_HEAD, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
        self._head_timer = None

    def _give_up(self) -> None:
        if self._is_waiting:
            self._refuse("408 Request Timeout", "the request did not come in time")

    def _refuse(self, status: str, text: str) -> None:
        if self.transport.is_closing():
            return
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        self.transport.write(f"{head}Content-Length: {len(text) + 1}\r\n\r\n{text}\n".encode())
        self.transport.close()


def _address(connection: H11Protocol) -> str:
    return connection.client[0] if connection.client else ""
