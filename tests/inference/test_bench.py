import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from inference.__main__ import app
from inference.runtime.timing import interleaved


def test_rounds_are_interleaved_and_the_first_is_not_timed() -> None:
    calls: list[str] = []
    seconds = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == ["a", "b"] * 3
    assert all(0 < value < 1 for value in seconds.values())


def test_every_model_and_precision_is_measured(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    arguments = ["bench", "--models", models, "--rounds", 2, "--threads", 1, "--json", out]
    result = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.stderr
    report = json.loads(out.read_text())
    assert report["threads"] == 1
    assert report["processor"] in result.stdout
    rows = report["rows"]
    assert [(row["backbone"], row["precision"]) for row in rows] == [
        ("resnet50", "int8"),
        ("resnet50", "fp32"),
        ("vgg16", "int8"),
        ("vgg16", "fp32"),
    ]
    assert all(row["latency_ms"] > 0 and row["throughput"] > 0 for row in rows)
    assert "resnet50" in result.stdout


def test_a_damaged_form_is_left_out(models: Path, tmp_path: Path) -> None:
    (models / "resnet50" / "model.int8.onnx").write_bytes(b"broken")
    out = tmp_path / "bench.json"
    arguments = ["bench", "--models", models, "--rounds", 1, "--json", out]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.stderr
    rows = json.loads(out.read_text())["rows"]
    assert [(row["backbone"], row["precision"]) for row in rows] == [
        ("resnet50", "fp32"),
        ("vgg16", "int8"),
        ("vgg16", "fp32"),
    ]


@pytest.mark.parametrize("content", ["years of work", "[1]", "{}", "3"])
def test_a_file_that_is_no_report_is_not_overwritten(
    models: Path, tmp_path: Path, content: str
) -> None:
    out = tmp_path / "thesis.json"
    out.write_text(content)
    result = CliRunner().invoke(app, ["bench", "--models", str(models), "--json", str(out)])
    assert result.exit_code == 2
    assert "is no report of `bench` and is not overwritten" in result.stderr
    assert out.read_text() == content


def test_without_models_it_says_what_to_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "--models", str(tmp_path)])
    assert result.exit_code == 2
    assert "make export" in result.stderr


def test_photos_are_timed_by_part_and_scored(
    models: Path, group: Image.Image, portray: Callable[..., Path], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    group.save(photos / "group.jpg")
    for name, colour in (("red.png", "red"), ("blue.png", "blue")):
        portray(name, colour).rename(photos / name)
    (photos / "broken.jpg").write_text("hello")
    labels = "file,faces,genders\nred.png,1,man\nblue.png,1,man\ngroup.jpg,,\n"
    (photos / "labels.csv").write_text(labels)
    out = tmp_path / "bench.json"
    arguments = ["bench", "--models", models, "--photos", photos, "--rounds", 2, "--json", out]
    result = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.stderr
    report = json.loads(out.read_text())
    assert report["score"] == {"labelled": 2, "found": 2, "right": 1, "uncertain": 0}
    rows = {row["file"]: row for row in report["rows"]}
    assert set(rows) == {"group.jpg", "red.png", "blue.png"}
    assert len(rows["group.jpg"]["answers"]) == 6
    [red] = rows["red.png"]["answers"]
    assert red["label"] == "man" and len(red["box"]) == 4
    assert all(took > 0 for row in rows.values() for took in row["milliseconds"].values())
    printed = " ".join(result.stdout.split())
    assert "found 2 of 2 labeled faces, 1 of them labeled correctly" in printed


def test_a_folder_without_photos_is_told(models: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    arguments = ["bench", "--models", str(models), "--photos", str(tmp_path / "empty")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "no photos in" in result.stderr
