"""Requests that are too large or too many."""

import http.client
import socket
from pathlib import Path

import pytest
from demo_server import Server
from gradio_client import Client, handle_file


def test_a_request_that_is_too_large_is_refused_unread(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = "POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(100)


def test_an_upload_above_the_limit_is_refused(client: Client, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(b"x" * 20_100_000)
    with pytest.raises(Exception, match=r"(?i)size|413|large"):
        client.predict(handle_file(large), api_name="/classify")


def test_one_client_cannot_hold_many_requests(server: Server) -> None:
    held = []
    try:
        answers = []
        for number in range(34):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", f"/gradio_api/heartbeat/s{number}")
            held.append(connection)
            answers.append(connection.getresponse().status)
        assert answers == [200] * 32 + [429] * 2
    finally:
        for connection in held:
            connection.close()
