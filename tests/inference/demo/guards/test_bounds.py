"""Requests that are too large, too slow or too many."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from demo_server import Server, Visitor
from gradio_client import Client, handle_file
from starlette.types import Message, Receive, Scope, Send

from inference.served.guards.bounds import PAGE_LIMITS, Bounds, Limits


@pytest.mark.parametrize("length", ["99999999999", "500000001"])
def test_a_request_that_is_too_large_is_refused_unread(server: Server, length: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(100)


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"\xb2", b"", b"500000001"])
def test_a_length_that_is_none_is_refused(length: bytes) -> None:
    """Servers refuse most of these themselves, but need not."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pytest.fail("it was let in")

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "headers": [(b"content-length", length)]}
    asyncio.run(Bounds(app, PAGE_LIMITS)(scope, asyncio.sleep, send))
    assert sent[0]["status"] == 413


def test_an_upload_above_the_limit_is_refused(client: Client, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(b"x" * 20_100_000)
    with pytest.raises(Exception, match=r"(?i)size|413|large"):
        client.predict(handle_file(large), api_name="/classify")


def test_one_client_cannot_hold_many_requests(visitor: Visitor) -> None:
    held = []
    try:
        responses = []
        for number in range(34):
            connection = visitor.connect()
            connection.request("GET", f"/gradio_api/heartbeat/s{number}")
            held.append(connection)
            responses.append(connection.getresponse().status)
        assert responses[:30] == [200] * 30, "the two others may be of the fixture, not yet ended"
        assert responses[32:] == [429] * 2
        assert Visitor(visitor.server, "127.0.0.2").get("/config")[0] == 200
    finally:
        for connection in held:
            connection.close()


def received(
    parts: list[bytes], seconds_between: float = 0.0, limits: Limits = PAGE_LIMITS
) -> list[Message]:
    """What an app behind `Bounds` receives of a body that comes in parts."""
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())

    async def receive() -> Message:
        await asyncio.sleep(seconds_between)
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    waiting = list(parts)
    scope: Scope = {"type": "http", "headers": []}
    asyncio.run(Bounds(app, limits)(scope, receive, lambda message: asyncio.sleep(0)))
    return messages


BROKEN_OFF = {"type": "http.disconnect"}


def test_a_body_without_a_length_is_cut_off_where_it_is_too_large() -> None:
    limits = replace(PAGE_LIMITS, body=10)
    assert received([b"12345", b"12345"], limits=limits)[-1]["body"] == b"12345"
    assert received([b"12345", b"12345", b"1"], limits=limits)[-1] == BROKEN_OFF


def test_a_part_must_come_in_time() -> None:
    limits = replace(PAGE_LIMITS, seconds_to_send=0.1)
    assert received([b"1", b"2"], limits=limits)[-1]["body"] == b"2"
    assert received([b"1", b"2"], 0.3, limits) == [BROKEN_OFF]


def test_all_parts_together_must_come_in_time() -> None:
    messages = received([b"1"] * 20, 0.1, replace(PAGE_LIMITS, seconds_for_body=0.5))
    assert messages[0]["body"] == b"1" and messages[-1] == BROKEN_OFF
    assert len(messages) < 10


def test_after_the_body_a_client_may_stay_silent() -> None:
    """The end of the connection is what an app receives next, whenever it comes."""
    limits = replace(PAGE_LIMITS, seconds_to_send=0.1)
    messages = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        messages.extend([await receive(), await receive()])

    async def receive() -> Message:
        if messages or sent:
            await asyncio.sleep(0.3)
            return {"type": "http.disconnect", "at the end": True}
        sent.append(1)
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[int] = []
    scope: Scope = {"type": "http", "headers": []}
    asyncio.run(Bounds(app, limits)(scope, receive, lambda message: asyncio.sleep(0)))
    assert messages[1].get("at the end")


def test_clients_without_requests_are_forgotten() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert guard._running == {"192.168.1.5": 1}

    guard = Bounds(app, PAGE_LIMITS)
    scope: Scope = {"type": "http", "headers": [], "client": ("192.168.1.5", 1)}
    asyncio.run(guard(scope, asyncio.sleep, asyncio.sleep))
    assert not guard._running
