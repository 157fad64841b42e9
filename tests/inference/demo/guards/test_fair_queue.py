"""Places in the queue."""

import json
import time
from collections.abc import Callable
from functools import partial
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
    path = visitor.upload(portray("red.png", "red"))
    call = partial(visitor.post, "/gradio_api/call/compare", {"data": [{"path": path}]})
    answers = [call() for _ in range(40)]
    assert any(status == 400 and "Too many" in text for status, text in answers)
    assert {status for status, _ in answers} == {200, 400}
    time.sleep(2)


def test_no_function_goes_round_the_queue(visitor: Visitor) -> None:
    assert visitor.post("/gradio_api/run/models", {"data": []})[0] == 404
