"""The command line of serving: usage, choices, and what it imports."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from predict_command import ROOT, predict
from typer.testing import CliRunner

from inference.__main__ import app


def test_backbone_and_precision_from_the_command_line(
    models: Path, draw: Callable[..., Path]
) -> None:
    grey = draw("a.png", "#726f6e")
    answers = {
        choice: predict(grey, "--aligned", "--models", models, *choice).stdout
        for choice in ((), ("--precision", "fp32"), ("--backbone", "vgg16"))
    }
    assert len(set(answers.values())) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jpg", "--models", "{models}"], "no such file or folder: nowhere.jpg"),
        (["{image}", "--models", "{empty}"], "run `make export` first"),
        (["{image}", "--models", "{models}", "--backbone", "vgg17"], "(there: resnet50, vgg16)"),
        (["{empty}", "--models", "{models}"], "no image files in"),
        (["{image}", "--models", "{models}", "--csv", "{empty}/no/out.csv"], "No such file"),
        (["{image}", "--models", "{models}", "--precision", "fp16"], "fp16"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    models: Path,
    draw: Callable[..., Path],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    places = {"models": models, "empty": empty, "image": draw("a.png", "red")}
    result = predict(*(argument.format(**places) for argument in arguments))
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not result.stdout


def test_a_damaged_model_is_refused_or_replaced(
    models: Path, draw: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    model = models / "resnet50" / "model.int8.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    arguments = ("--aligned", draw("a.png", "red"), "--models", models)
    result = predict(*arguments, "--precision", "int8", "--backbone", "resnet50")
    assert result.exit_code == 2
    assert "model.int8.onnx is cut off" in result.stderr
    assert predict(*arguments).exit_code == 0
    assert "model.int8.onnx is cut off" in caplog.text


def test_serving_runs_where_tensorflow_cannot_be_imported(
    models: Path, draw: Callable[..., Path]
) -> None:
    code = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'tensorflow', 'keras', 'tuning', 'export', 'onnx'}:\n"
        "            raise ImportError(f'serving must not import {name}')\n"
        "sys.meta_path.insert(0, Block())\n"
        "import inference.demo.server, inference.bench.models\n"
        "from inference.__main__ import app; app(sys.argv[1:])"
    )
    arguments = ["predict", str(draw("a.png", "red")), "--aligned", "--models", str(models)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert ",man," in done.stdout


def test_help_loads_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; from inference.__main__ import app\n"
        "try: app(['--help'])\n"
        "finally: print({'onnxruntime', 'gradio', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "predict" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"


def test_small_faces_of_aligned_pictures_is_wrong_usage(models: Path, photos: Path) -> None:
    result = predict(photos, "--models", models, "--aligned", "--small-faces")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and "--small-faces" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv", "-", "--jsonl", "-"], "only one of"),
        (["--resume"], "--resume goes on with a file"),
        (["--resume", "--csv", "{foreign}"], "was not written by `predict`"),
        (["--resume", "--jsonl", "{foreign}"], "was not written by `predict`"),
    ],
)
def test_outputs_that_cannot_be(
    models: Path, photos: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("name,age\nx,3\ny,4\n")
    given = (argument.format(foreign=foreign) for argument in arguments)
    result = predict(photos, "--models", models, *given)
    assert result.exit_code == 2
    assert message in result.stderr
    assert foreign.read_text() == "name,age\nx,3\ny,4\n"


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
