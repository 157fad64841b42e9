"""Connections that wait."""

import socket
import time
from contextlib import suppress

from demo_server import Server, wait_until_up

from inference.served.guards.connections import _send_at_once


def test_a_request_head_must_come_in_time(hurried_server: Server) -> None:
    for first, then in ((b"", b""), (b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"x")):
        with socket.create_connection(("127.0.0.1", hurried_server.port), timeout=10) as connection:
            connection.sendall(first)
            began, response = time.monotonic(), b""
            connection.settimeout(0.2)
            while time.monotonic() - began < 10 and not response:
                with suppress(TimeoutError):
                    response = connection.recv(1000)
                with suppress(OSError):
                    connection.sendall(then)  # a byte now and then does not prolong it
            assert b" 408 " in response
            assert 0.8 < time.monotonic() - began < 5


def test_one_client_cannot_hold_many_connections(hurried_server: Server) -> None:
    held = [
        socket.create_connection(("127.0.0.1", hurried_server.port), timeout=5) for _ in range(40)
    ]
    try:
        time.sleep(0.3)
        assert b" 503 " in held[-1].recv(1000)
        held[0].sendall(b"GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert held[0].recv(12) == b"HTTP/1.1 401", "those who were first are served"
    finally:
        for connection in held:
            connection.close()
    wait_until_up(hurried_server)


def test_a_response_does_not_wait_for_more_to_send() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        _send_at_once(accepted)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    for end in socket.socketpair():  # of a Unix socket, which has no such option
        with end:
            _send_at_once(end)
