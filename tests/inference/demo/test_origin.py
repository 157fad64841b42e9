"""Labels of origin are kept back from everyone who asks, by whichever way."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from demo_server import Server, Visitor
from typer.testing import CliRunner

from data import Label
from inference.__main__ import app
from inference.demo import markup
from inference.demo.api import Api
from inference.demo.guards.uploads import Upload, Uploads
from inference.demo.page import build_page
from inference.served.errors import RefusedError
from inference.served.models import ServedModels
from inference.served.origin import is_withheld


@pytest.fixture
def only_origin(models_of_labels: Path, tmp_path: Path) -> Path:
    models = tmp_path / "only"
    shutil.copytree(models_of_labels / "origin", models / "origin")
    (models / "index.json").write_text(
        json.dumps({"schema_version": 1, "champion": "origin", "bundles": ["origin"]})
    )
    return models


def page_of(models: Path, folder: Path, classify_origin: bool = False) -> gr.Blocks:
    (folder / "examples").mkdir()
    uploads = Uploads(folder / "uploads")
    return build_page(ServedModels.read(models, classify_origin), folder / "examples", uploads)


def tabs(page: gr.Blocks) -> list[Any]:
    return [block.label for block in page.blocks.values() if isinstance(block, gr.Tab)]


def api_names(page: gr.Blocks) -> set[Any]:
    return {function.api_name for function in page.fns.values()}


@pytest.mark.parametrize(
    ("name", "classes", "kept_back"),
    [
        ("race", ("a", "b"), True),
        ("RACE", ("a", "b"), True),
        ("perceivedRace", ("a", "b"), True),
        ("ethnic_group", ("a", "b"), True),
        ("folder", ("Latino_Hispanic", "Middle Eastern"), True),
        ("gender", ("asian woman", "asian man"), True),
        ("hair", ("black", "brown", "white"), False),
        ("bracelet", ("no", "yes"), False),
    ],
)
def test_labels_of_origin_are_known_by_name_or_classes(
    name: str, classes: tuple[str, ...], kept_back: bool
) -> None:
    label = Label(name=name, classes=classes)
    assert is_withheld(label, classify_origin=False) is kept_back
    assert not is_withheld(label, classify_origin=True)


def test_nobody_gets_a_label_of_origin_by_any_function_and_route(
    labels_server: Server, portray: Callable[..., Path]
) -> None:
    visitor = Visitor(labels_server)
    config = visitor.config()
    kinds = {one["id"]: one["type"] for one in config["components"]}
    red = {"path": visitor.upload(portray("red.png", "red"))}
    classifying = [
        one
        for one in config["dependencies"]
        if any(kinds[number] in ("image", "file") for number in one["inputs"])
    ]
    answers = []
    for function in classifying:
        for model in ("several", "origin", "./origin", "several/../origin"):
            sent = {"image": red, "file": [red], "radio": iter([model, "fp32"])}
            data = [
                next(sent["radio"]) if kinds[one] == "radio" else sent.get(kinds[one])
                for one in function["inputs"]
            ]
            for route in ("queue", "call", "run"):
                answers.append(visitor.call(route, function, data))
    text = "".join(answers)
    assert "Smiling" in text and "hair color" in text, "the others are given"
    for given in ("race", "p_one", "three"):
        assert given not in text
    assert text.count("label is not offered") >= 4


def test_a_model_of_several_labels_gives_the_others(
    models_of_labels: Path, portray: Callable[..., Path]
) -> None:
    red = Upload(portray("red.png", "red"), "red.png")
    for classify_origin in (False, True):
        api = Api(ServedModels.read(models_of_labels, classify_origin))
        predicted = api.classify(red, "several", "fp32")
        [row] = api.classify_batch([red], "several", "fp32")
        compared = {one["backbone"]: one["labels"] for one in api.compare(red)}
        listed = {one["model"]: one["labels"] for one in api.models()}
        [face] = predicted["faces"]
        for names in (face, row):
            assert names["label:Smiling"] == "yes"
            assert any("race" in name for name in names) is classify_origin
        for labels in (predicted["labels"], compared["several"], listed["several"]):
            assert "Smiling" in labels and ("race" in labels) is classify_origin
        assert ("origin" in compared) is ("origin" in listed) is classify_origin


def test_a_model_of_origin_alone_is_refused_with_the_reason(models_of_labels: Path) -> None:
    models = ServedModels.read(models_of_labels)
    assert models.names == ["many", "several"]
    with pytest.raises(RefusedError, match="No photo shows where a person comes from"):
        models.load("origin")
    header = markup.header(models)
    assert "<b>Not offered:</b> <bdi>race</bdi> (several), <bdi>race</bdi> (origin)" in header
    assert "--classify-origin" in header


def test_the_figures_of_what_is_kept_back_are_in_no_mean(models_of_labels: Path) -> None:
    models = ServedModels.read(models_of_labels)
    info = models.bundle("several").info
    assert info.metrics.test_accuracy == pytest.approx(0.95)
    assert info.metrics.test_accuracy_interval is None
    whole = ServedModels.read(models_of_labels, classify_origin=True).bundle("several").info
    assert whole.metrics.test_accuracy_interval == (0.93, 0.97)


def test_where_nothing_else_is_predicted_the_page_shows_the_card_alone(
    only_origin: Path, tmp_path: Path
) -> None:
    page = page_of(only_origin, tmp_path)
    assert tabs(page) == ["About"]
    assert api_names(page) == {"models", "js_fn"}, "the latter runs in the browser alone"
    shown = [str(block.value) for block in page.blocks.values() if isinstance(block, gr.Markdown)]
    assert any("Model card of origin" in text for text in shown)
    html = [str(block.value) for block in page.blocks.values() if isinstance(block, gr.HTML)]
    assert any("No photo shows where a person comes from" in text for text in html)


def test_the_owner_can_ask_for_it(only_origin: Path, tmp_path: Path) -> None:
    page = page_of(only_origin, tmp_path, classify_origin=True)
    assert tabs(page) == ["Photo", "Live", "Batch", "Compare", "About"]
    models = ServedModels.read(only_origin, classify_origin=True)
    assert "Not offered" not in markup.header(models)
    assert models.load("origin").info.classes[0].name == "race"


@pytest.mark.parametrize(
    ("arguments", "variable", "asked"),
    [([], None, False), (["--classify-origin"], None, True), ([], "1", True), ([], "0", False)],
)
def test_the_setting_comes_from_the_command_line_or_the_environment(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str | None, asked: bool
) -> None:
    given: dict[str, object] = {}
    serve = "inference.demo.server.serve"
    monkeypatch.setattr(serve, lambda *_, **settings: given.update(settings))
    environment = {"CLASSIFY_ORIGIN": variable}
    result = CliRunner().invoke(app, ["demo", *arguments], env=environment)
    assert result.exit_code == 0, result.output
    assert given["classify_origin"] is asked
