"""Requests that do not fit get one line."""

import asyncio
import json

import pytest
from demo_server import Visitor
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.demo.guards.one_line_errors import OneLineErrors

HOSTILE_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe\x00",
    b'{"data": 1}',
    b'{"data": null}',
    b'{"data": [], "session_hash": "s", "fn_index": 2}',
    b'{"data": [1, 2, 3, 4, 5, 6], "session_hash": "s", "fn_index": 2}',
    b'{"data": [null, null, null], "session_hash": "s", "fn_index": 2}',
    b'{"data": [{"path": 1}, {}, []], "session_hash": "s", "fn_index": 2}',
    b'{"data": [null, {"path": "/etc/passwd"}, NaN], "session_hash": "s", "fn_index": 1}',
    b'{"data": [null, "a", "b"], "session_hash": 5, "fn_index": 2}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": 99}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": -1}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": 1e999}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": ' + b"9" * 5000 + b"}",
    b'{"data": [' + b"9" * 5000 + b', "a", "b"], "session_hash": "s", "fn_index": 2}',
    b'{"data": ' + b"[" * 20_000 + b"]" * 20_000 + b', "session_hash": "s", "fn_index": 2}',
    b'{"data": ["\\ud800", "a", "b"], "session_hash": "\\ud800", "fn_index": 2}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": 2, "trigger_id": 9999}',
    b'{"data": [null, "a", "b"], "session_hash": "s", "fn_index": 2, "batched": true}',
    b'{"data": [99], "session_hash": "s", "fn_index": 0, "event_data": []}',
    b'{"picture": {"path": "/etc/passwd"}, "nothing": 1}',
]


def test_bad_requests_get_one_line(visitor: Visitor) -> None:
    """That the log has no traceback either is checked when the server has ended."""
    functions = visitor.config()["dependencies"]
    names = [one["api_name"] for one in functions] + ["nothing", "0"]
    streams = {one["api_name"] for one in functions if one["connection"] == "stream"}
    assert len(streams) == 1, "the camera's, which ends when its time is over"
    calls = [f"{route}/{name}" for route in ("call", "call/v2", "run") for name in names]
    for path in [*calls, "queue/join", "cancel", "reset", "upload"]:
        for body in HOSTILE_BODIES:
            status, text = visitor.post(f"/gradio_api/{path}", body)
            assert status < 500 or path.startswith("run/"), (path, body[:80], text)
            assert "Traceback" not in text and ".py" not in text, (path, body[:80], text)
            if status == 200 and "event_id" in text and path.startswith("call"):
                name = path.rpartition("/")[2]
                if name in streams:  # while it runs, its session's other events do not end
                    visitor.post(f"/gradio_api/stream/{json.loads(text)['event_id']}/close", {})
                    continue
                event = visitor.get(f"/gradio_api/call/{name}/{json.loads(text)['event_id']}")
                assert "event: error" in event[1] or "event: complete" in event[1]
                assert ".py" not in event[1]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"x"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="files"'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--x--\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename=".."\r\n\r\nx\r\n--x--',
        ),
        ("text/plain", b"x"),
    ],
)
def test_bad_uploads_get_one_line(visitor: Visitor, kind: str, body: bytes) -> None:
    status, text = visitor.ask("POST", "/gradio_api/upload", body, Content_Type=kind)
    assert status == 400 or text == "[]"
    assert "/" not in text


def test_unknown_sessions_and_events_get_one_line(visitor: Visitor) -> None:
    for path in ("queue/data?session_hash=nobody", "queue/data", "call/classify/nothing"):
        status, text = visitor.get(f"/gradio_api/{path}")
        assert status < 500 and ".py" not in text


def serve(app: ASGIApp) -> list[Message]:
    """What is sent of an app's response to GET /."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/secret"}
    asyncio.run(OneLineErrors(app)(scope, asyncio.sleep, send))
    return sent


def failing(error: Exception, *messages: Message) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        raise error

    return app


START = {"type": "http.response.start", "status": 200, "headers": []}
STREAM = START | {"headers": [(b"content-type", b"text/event-stream; charset=utf-8")]}
PART = {"type": "http.response.body", "body": b"data: 1", "more_body": True}


def test_a_look_up_that_fails_is_a_bad_request(capsys: pytest.CaptureFixture) -> None:
    start, body = serve(failing(KeyError("secret")))
    assert start["status"] == 400 and body["body"] == (
        b"the request does not fit what is served here\n"
    )
    assert not capsys.readouterr().err


def test_a_fault_of_the_server_is_logged_in_a_line(capsys: pytest.CaptureFixture) -> None:
    start, body = serve(failing(OSError("/secret/photo.jpg")))
    assert start["status"] == 500 and body["body"] == b"the server failed; its log says where\n"
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("GET /secret failed: OSError") and "photo" not in line


def test_better_words_replace_a_response_that_only_says_500() -> None:
    plain = START | {"status": 500}, PART | {"more_body": False}
    start, body = serve(failing(KeyError(), *plain))
    assert start["status"] == 400 and body["body"].startswith(b"the request does not fit")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in plain:
            await send(message)

    assert serve(app) == list(plain)


def test_a_stream_that_fails_is_ended_and_nothing_else_is() -> None:
    assert serve(failing(OSError(), STREAM, PART)) == [
        STREAM,
        PART,
        {"type": "http.response.body", "body": b""},
    ]
    assert serve(failing(OSError(), START, PART)) == [START, PART]


def test_a_visitor_who_left_is_no_failure(capsys: pytest.CaptureFixture) -> None:
    assert serve(failing(ClientDisconnect())) == []
    assert not capsys.readouterr().err


def test_a_stream_ends_in_good_order_when_the_server_is_stopped() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"news", "more_body": True})
        await asyncio.sleep(60)

    async def send(message: Message) -> None:
        sent.append(message)

    async def stop() -> None:
        scope: Scope = {"type": "http", "method": "GET", "path": "/"}
        task = asyncio.create_task(OneLineErrors(app)(scope, asyncio.sleep, send))
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    asyncio.run(stop())
    assert sent[-1] == {"type": "http.response.body", "body": b""}
