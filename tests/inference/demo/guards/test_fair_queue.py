"""Places in the queue."""

import json
from collections.abc import Callable
from pathlib import Path

from demo_server import Visitor


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
