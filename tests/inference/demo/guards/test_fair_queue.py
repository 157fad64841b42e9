"""Places in the queue."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import fastapi
import gradio as gr
import pytest
from demo_server import Visitor
from gradio.queueing import Event, EventQueue
from gradio.server_messages import ProcessCompletedMessage

from inference.demo.guards.checked_blocks import CheckedBlocks
from inference.demo.guards.uploads import Uploads


def test_one_client_has_one_batch_at_a_time(visitor: Visitor, portray: Callable[..., Path]) -> None:
    path = visitor.upload(portray("red.png", "red"))
    batch = {"data": [[{"path": path}] * 50, "resnet50", "int8"]}
    status, text = visitor.post("/gradio_api/call/classify_batch", batch)
    assert status == 200
    refused = visitor.post("/gradio_api/call/classify_batch", batch)
    assert refused[0] == 400 and "One batch at a time" in refused[1]
    event = json.loads(text)["event_id"]
    assert "event: complete" in visitor.get(f"/gradio_api/call/classify_batch/{event}")[1]
    batch["data"][0] = []
    assert visitor.post("/gradio_api/call/classify_batch", batch)[0] == 200


def test_one_client_cannot_fill_the_queue(visitor: Visitor, portray: Callable[..., Path]) -> None:
    picture = {"data": [{"path": visitor.upload(portray("red.png", "red"))}]}
    responses = [visitor.post("/gradio_api/call/compare", picture) for _ in range(40)]
    waiting = [json.loads(text)["event_id"] for status, text in responses if status == 200]
    refused = [text for status, text in responses if status == 400]
    assert len(waiting) + len(refused) == 40
    assert refused and all("Too many of your requests" in text for text in refused)
    other = Visitor(visitor.server, "127.0.0.2")
    assert other.post("/gradio_api/call/compare", picture)[0] == 200
    for event in waiting:
        assert "event: complete" in visitor.get(f"/gradio_api/call/compare/{event}")[1]
    assert visitor.post("/gradio_api/call/compare", picture)[0] == 200


def test_no_function_goes_round_the_queue(visitor: Visitor) -> None:
    for name in ("models", "classify", "compare"):
        assert visitor.post(f"/gradio_api/run/{name}", {"data": []})[0] == 404


@pytest.mark.parametrize("session", ["two words", "../s", "\ud800", "s" * 101, "é"])
def test_a_session_has_a_plain_name(visitor: Visitor, session: str) -> None:
    content = {"data": [], "fn_index": 0, "session_hash": session}
    status, text = visitor.post("/gradio_api/queue/join", content)
    assert (status, "made of letters and digits" in text) == (400, True)


@pytest.mark.parametrize("number", [99, -1])
def test_a_function_that_is_not_there_is_refused(visitor: Visitor, number: int) -> None:
    content = {"data": [], "fn_index": number, "session_hash": "s"}
    status, text = visitor.post("/gradio_api/queue/join", content)
    assert (status, "There is no such function" in text) == (400, True)


def test_a_call_counts_until_its_result_is_sent(tmp_path: Path) -> None:
    with CheckedBlocks(Uploads(tmp_path)) as page:
        gr.api(lambda: 1, api_name="one")
    queue = page.with_queue()._queue
    request = fastapi.Request({"type": "http", "client": ("127.0.0.1", 1)})
    waiting, running = (Event("s", page.fns[0], request, None) for _ in range(2))
    queue.event_queue_per_concurrency_id["one"] = EventQueue("one", 1)
    queue.event_queue_per_concurrency_id["one"].queue.append(waiting)
    queue.active_jobs = [None, [running]]
    queue.pending_messages_per_session["s"] = asyncio.Queue()
    assert queue._unfinished() == [waiting, running]
    queue.send_message(running, ProcessCompletedMessage(output={}, success=True))
    assert queue._unfinished() == [waiting]
