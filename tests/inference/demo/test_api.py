"""The functions over HTTP, by Gradio's own client."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from demo_server import Server
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

FACE = ["face", "left", "top", "right", "bottom", "detection_score", "p_man", "label", "quality"]


def test_the_api_classifies(client: Client, portray: Callable[..., Path]) -> None:
    red = handle_file(portray("red.png", "red"))
    prediction = client.predict(red, api_name="/classify")
    assert (prediction["backbone"], prediction["precision"]) == ("resnet50", "int8")
    assert prediction["labels"] == {"gender": ["woman", "man"]}
    assert set(prediction["milliseconds"]) == {"decode", "detect", "align", "classify"}
    assert all(took > 0 for took in prediction["milliseconds"].values())
    [face] = prediction["faces"]
    assert face["label"] == "man" and list(face) == FACE
    assert 111 < face["left"] < face["right"] < 111 + 178
    other = client.predict(red, "vgg16", "fp32", api_name="/classify")
    assert (other["faces"][0]["label"], other["precision"]) == ("woman", "fp32")


def test_the_api_finds_all_faces_or_none(
    client: Client, group: Image.Image, draw: Callable[..., Path], tmp_path: Path
) -> None:
    group.save(tmp_path / "group.jpg")
    prediction = client.predict(handle_file(tmp_path / "group.jpg"), api_name="/classify")
    assert [face["face"] for face in prediction["faces"]] == list(range(6))
    empty = client.predict(handle_file(draw("empty.png", "red")), api_name="/classify")
    assert empty["faces"] == []


def test_the_api_classifies_many_files(
    client: Client, portray: Callable[..., Path], draw: Callable[..., Path], tmp_path: Path
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    files = [portray("red.png", "red"), draw("empty.png", "blue"), text, portray("b.png", "blue")]
    rows = client.predict([handle_file(file) for file in files], api_name="/classify_batch")
    assert [row["file"] for row in rows] == ["red.png", "empty.png", "text.jpg", "b.png"]
    assert [row["label"] for row in rows] == ["man", None, None, "woman"]
    assert rows[1]["error"] == "no face found"
    assert "not an image" in rows[2]["error"]


def test_no_files_are_refused(client: Client) -> None:
    with pytest.raises(AppError, match="No pictures were sent"):
        client.predict([], api_name="/classify_batch")


def test_the_api_compares_all_models(client: Client, portray: Callable[..., Path]) -> None:
    predictions = client.predict(handle_file(portray("red.png", "red")), api_name="/compare")
    labels = {prediction["backbone"]: prediction["faces"][0]["label"] for prediction in predictions}
    assert labels == {"resnet50": "man", "vgg16": "woman"}


def test_the_api_lists_the_models_champion_first(client: Client) -> None:
    first, second = client.predict(api_name="/models")
    assert (first["model"], first["test_accuracy"]) == ("resnet50", 0.95)
    assert first["labels"] == {"gender": ["woman", "man"]}
    assert (second["model"], second["synthetic"]) == ("vgg16", True)


def test_the_api_shows_only_what_is_documented(client: Client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/classify", "/classify_batch", "/compare", "/explain", "/models"}
    assert all(endpoint["description"] for endpoint in endpoints.values())
    assert "not what the person is" in endpoints["/classify"]["description"]


def test_a_bad_picture_is_reported_without_paths(client: Client, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    with pytest.raises(AppError, match=r"cannot be used: .*image") as refused:
        client.predict(handle_file(text), "resnet50", api_name="/classify")
    assert "/" not in str(refused.value)


@pytest.mark.parametrize("choice", [("resnet50", "fp16"), ("resnet50", ""), ("resnet50", None)])
def test_an_unknown_precision_is_refused(
    client: Client, draw: Callable[..., Path], choice: tuple[str, str]
) -> None:
    with pytest.raises(AppError):
        client.predict(handle_file(draw("red.png", "red")), *choice, api_name="/classify")


@pytest.mark.parametrize("backbone", ["vgg17", "../resnet50"])
def test_an_unknown_model_is_refused(
    client: Client, draw: Callable[..., Path], backbone: str
) -> None:
    with pytest.raises(AppError, match="There is no such model; there are: resnet50, vgg16"):
        client.predict(handle_file(draw("red.png", "red")), backbone, api_name="/classify")


def test_eight_clients_at_once(server: Server, portray: Callable[..., Path]) -> None:
    red = portray("red.png", "red")

    def ask(_: int) -> list[str]:
        own = Client(server.url, verbose=False)
        predictions = [own.predict(handle_file(red), api_name="/classify") for _ in range(3)]
        return [prediction["faces"][0]["label"] for prediction in predictions]

    with ThreadPoolExecutor(8) as clients:
        assert list(clients.map(ask, range(8))) == [["man"] * 3] * 8


def test_the_api_gives_the_classes_of_any_label(
    labels_server: Server, portray: Callable[..., Path]
) -> None:
    client, red = Client(labels_server.url, verbose=False), handle_file(portray("red.png", "red"))
    prediction = client.predict(red, api_name="/classify")
    [(name, classes)] = prediction["labels"].items()
    [face] = prediction["faces"]
    assert len(classes) == 100 and face["label"] == name == classes[0]
    assert face["probability"] == max(face[f"p_{one}"] for one in classes)
    [row] = client.predict([red], "several", "fp32", api_name="/classify_batch")
    assert (row["label:Smiling"], row["label:hair color"]) == ("yes", "red")
    assert row["p_yes:Smiling"] > 0.7


def test_the_api_explains(client: Client, portray: Callable[..., Path]) -> None:
    red = handle_file(portray("red.png", "red"))
    [why] = client.predict(red, api_name="/explain")
    assert (why["class"], why["method"]) == ("man", "occlusion")
    assert (len(why["map"]), len(why["map"][0])) == (6, 6)
    assert why["image"].startswith("data:image/png;base64,")
    with pytest.raises(AppError, match="no face of that number: 1 were found"):
        client.predict(red, face=2, api_name="/explain")
