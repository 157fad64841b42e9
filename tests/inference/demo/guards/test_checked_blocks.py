"""What functions of the page get of what visitors send."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from demo_server import Visitor
from PIL import Image

from inference.demo.guards.checked_blocks import CheckedBlocks
from inference.demo.guards.uploads import Uploads

REFUSAL = "no picture that was uploaded here"
NO_FRAME = "no frame of a camera"

BY_EVERY_ROUTE = ("a picture", "a link", "dots", "a URL")


def takes_files(function: dict[str, Any], kinds: dict[int, str]) -> bool:
    return any(kinds[number] in ("image", "file") for number in function["inputs"])


def test_no_function_takes_another_file_than_an_upload(
    visitor: Visitor, hostile_pictures: dict[str, Any]
) -> None:
    """Every function of the page, public or private, by every route."""
    config = visitor.config()
    kinds = {one["id"]: one["type"] for one in config["components"]}
    default = {one["id"]: one["props"].get("value") for one in config["components"]}
    functions = [one for one in config["dependencies"] if takes_files(one, kinds)]
    published = json.loads(visitor.get("/gradio_api/info?all_endpoints=true")[1])
    named = {f"/{one['api_name']}" for one in config["dependencies"]}
    assert named >= set(published["named_endpoints"]) and not published["unnamed_endpoints"]
    assert len(functions) == 9
    for what, picture in hostile_pictures.items():
        for function in functions:
            sent: dict[str, Any] = {"image": picture, "file": [picture]}
            data = [sent.get(kinds[one], default[one]) for one in function["inputs"]]
            for route in ("queue", "call", "run") if what in BY_EVERY_ROUTE else ("queue",):
                response = visitor.call(route, function, data)
                assert "data:image/jpeg" not in response, (what, function["api_name"], route)
                assert "p_man" not in response, (what, function["api_name"], route)
                refusal = NO_FRAME if function["connection"] == "stream" else REFUSAL
                assert route == "run" or refusal in response, (what, function["api_name"], response)


def test_the_refusal_does_not_say_what_lies_there(visitor: Visitor, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    Image.new("RGB", (60, 60), "red").save(tmp_path / "photo.jpg")
    [compare] = [one for one in visitor.config()["dependencies"] if one["api_name"] == "compare"]
    paths = [tmp_path, tmp_path / "text.txt", tmp_path / "photo.jpg", tmp_path / "nothing"]
    [response] = {visitor.call("call", compare, [{"path": str(path)}]) for path in paths}
    assert REFUSAL in response


def test_an_upload_is_classified_whatever_else_the_payload_says(
    visitor: Visitor, portray: Callable[..., Path]
) -> None:
    path = visitor.upload(portray("red.png", "red"))
    payload = {"path": path, "url": "http://127.0.0.1:9/", "orig_name": 5, "meta": "none"}
    [classify] = [one for one in visitor.config()["dependencies"] if one["api_name"] == "classify"]
    assert '"label": "man"' in visitor.call("call", classify, [payload, "resnet50", "int8"])


def test_all_else_is_a_text_or_a_number(visitor: Visitor) -> None:
    [classify] = [one for one in visitor.config()["dependencies"] if one["api_name"] == "classify"]
    for sent in ({"path": "/etc/passwd"}, ["resnet50"], {}):
        response = visitor.call("call", classify, [None, sent, "int8"])
        assert "A text or a number was expected here" in response
    assert "of which none may be left out" in visitor.call("call", classify, [None, "resnet50"])


def test_an_example_is_one_of_those_shown(visitor: Visitor) -> None:
    examples = [one for one in visitor.config()["dependencies"] if "example" in one["api_name"]]
    assert len(examples) == 2
    for sent in (2, -1, 1.5, "0"):
        assert "There is no such example" in visitor.call("queue", examples[0], [sent])
    assert "portrait.jpg" in visitor.call("queue", examples[0], [1])


def test_what_a_function_raises_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def fail() -> None:
        raise OSError("/secret/photo.jpg")

    with CheckedBlocks(Uploads(tmp_path)) as page:
        gr.api(fail)
    with pytest.raises(gr.Error, match="something in it failed") as raised:
        asyncio.run(page.process_api(page.fns[0], []))
    assert raised.value.__cause__ is None and not raised.value.print_exception
    log = capsys.readouterr().err
    assert "fail failed: OSError in test_checked_blocks.py" in log and "photo" not in log
