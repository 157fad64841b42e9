"""Models that are damaged, and those that replace them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inference import bundle
from inference.demo import markup
from inference.demo.guards.uploads import Upload
from inference.demo.predictions import compare
from inference.served.errors import message_for
from inference.served.models import ServedModels


def test_a_damaged_models_path_is_logged_and_not_shown(
    models: Path, capsys: pytest.CaptureFixture
) -> None:
    for file in ONNX:
        damage(models, "vgg16", file, b"damaged")
    with pytest.raises(bundle.BundleError) as raised:
        ServedModels.read(models).load("vgg16")
    assert message_for(raised.value) == "This model cannot be used; the server's log says why."
    assert str(models) in capsys.readouterr().err


def damage(models: Path, name: str, file: str, content: bytes) -> None:
    (models / name / file).write_bytes(content)


ONNX = ("model.int8.onnx", "model.onnx")


@pytest.mark.parametrize("files", [ONNX, ("bundle.json",)])
def test_a_damaged_champion_is_replaced_by_the_next_in_rank(
    models: Path, draw: Callable[..., Path], capsys: pytest.CaptureFixture, files: tuple[str, ...]
) -> None:
    for file in files:
        damage(models, "resnet50", file, b"\xff damaged")
    found = ServedModels.read(models)
    assert (found.names, found.left_out) == (["vgg16"], ["resnet50"])
    header = markup.header(found)
    assert "Damaged and left out:</b> resnet50" in header and "vgg16" in header
    log = capsys.readouterr().err
    assert "left out" in log and "resnet50" in log
    assert "champion resnet50 is replaced by vgg16" in log
    assert [prediction.backbone for prediction in compare(draw("a.png", "red"), found)] == ["vgg16"]


def test_a_damaged_form_is_replaced_by_the_other(
    models: Path, draw: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    damage(models, "resnet50", "model.int8.onnx", b"damaged")
    first, _ = compare(draw("a.png", "red"), ServedModels.read(models))
    assert (first.backbone, first.precision) == ("resnet50", "fp32")
    assert "model.int8.onnx is cut off" in caplog.text


def test_another_damaged_model_leaves_the_comparison(
    models: Path, draw: Callable[..., Path], capsys: pytest.CaptureFixture
) -> None:
    for file in ONNX:
        damage(models, "vgg16", file, b"damaged")
    found = ServedModels.read(models)
    assert found.names == ["resnet50", "vgg16"], "it is loaded when it is first asked for"
    picture = draw("a.png", "red")
    predictions = compare(picture, found)
    assert [prediction.backbone for prediction in predictions] == ["resnet50"]
    assert "left out: vgg16" in markup.comparison(Upload(picture, "a.png"), predictions, found)
    assert "vgg16" in capsys.readouterr().err


def test_a_model_that_cannot_be_served_in_any_form_is_passed_over(models: Path) -> None:
    info = bundle.read(models / "resnet50").info
    empty = info.model_copy(update={"formats": {}})
    damage(models, "resnet50", "bundle.json", empty.model_dump_json().encode())
    assert ServedModels.read(models).names == ["vgg16"]


def test_without_any_sound_model_it_says_what_to_do(models: Path) -> None:
    for name in ("resnet50", "vgg16"):
        for file in ONNX:
            damage(models, name, file, b"damaged")
    with pytest.raises(bundle.BundleError, match="run `make export` again"):
        ServedModels.read(models)
