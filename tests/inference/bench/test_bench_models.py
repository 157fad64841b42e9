import json
from pathlib import Path

from typer.testing import CliRunner

from inference.__main__ import app


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


def test_without_models_it_says_what_to_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "--models", str(tmp_path)])
    assert result.exit_code == 2
    assert "make export" in result.stderr
