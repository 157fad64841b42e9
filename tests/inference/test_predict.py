import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from inference.__main__ import app
from inference.inputs import expand
from inference.predict.outputs import HEADER

ROOT = Path(__file__).parents[2]


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_one_row_a_face(models: Path, draw: Callable[..., Path], tmp_path: Path) -> None:
    red, blue = draw("red.png", "red"), draw("blue, \n odd.png", "blue", (8, 9))
    out = tmp_path / "out.csv"
    result = predict(red, blue, "--aligned", "--models", models, "--csv", out)
    assert result.exit_code == 0, result.stderr
    assert "2 files: 2 faces, 0 could not be read" in result.stderr
    assert out.read_text().splitlines()[0] == HEADER
    first, second = rows_of(out)
    assert first == {
        "file": str(red),
        "face": "0",
        "left": "0",
        "top": "0",
        "right": "30",
        "bottom": "40",
        "detection_score": "",
        "p_man": "1.000000",
        "label": "man",
        "error": "",
    }
    assert (second["file"], second["right"], second["label"]) == (str(blue), "8", "woman")


def test_unreadable_files_get_a_row_and_the_others_are_done(
    models: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    folder = draw("photos/a/red.png", "red").parents[1]
    draw("photos/z.png", "blue")
    (folder / "broken.jpg").write_text("not an image")
    (folder / "empty.jpg").touch()
    (folder / "notes.txt").write_text("passed over")
    out = tmp_path / "out.csv"
    result = predict(folder, "--aligned", "--models", models, "--csv", out)
    assert result.exit_code == 1
    assert "4 files: 2 faces, 2 could not be read" in result.stderr
    rows = rows_of(out)
    assert [Path(row["file"]).name for row in rows] == [
        "red.png",
        "broken.jpg",
        "empty.jpg",
        "z.png",
    ]
    errors = [row["error"] for row in rows]
    assert not errors[0] and errors[1] and errors[2] and not errors[3]
    assert str(tmp_path) not in "".join(errors)
    assert {rows[1][name] for name in HEADER.split(",")[1:-1]} == {""}


def test_a_named_file_is_tried_whatever_its_name(
    models: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    odd = draw("red.png", "red").rename(tmp_path / "portrait.dat")
    result = predict(odd, "--aligned", "--models", models)
    assert result.exit_code == 0
    assert next(csv.DictReader(io.StringIO(result.stdout)))["label"] == "man"


def test_many_files_stay_in_order(models: Path, draw: Callable[..., Path], tmp_path: Path) -> None:
    colours = ["red" if index % 3 else "blue" for index in range(300)]
    for index, colour in enumerate(colours):
        draw(f"many/{index:03}.png", colour, (4, 4))
    out = tmp_path / "out.csv"
    assert predict(tmp_path / "many", "--aligned", "--models", models, "--csv", out).exit_code == 0
    expected = ["man" if colour == "red" else "woman" for colour in colours]
    assert [row["label"] for row in rows_of(out)] == expected


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


def test_an_interrupted_run_leaves_no_half_file(
    models: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    """The complete output of the run before stays, and what is done is kept beside it."""
    first, out = draw("a.png", "red"), tmp_path / "out.csv"
    run = ["predict", "--aligned", str(first), "--models", str(models), "--csv", str(out)]
    assert predict(*run[1:]).exit_code == 0
    old = out.read_text()
    arguments = [*run, str(draw("b.png", "blue"))]
    code = (
        "import sys; from inference.predict import run as predict\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "predict.Outcome.rows = stop\n"
        "from inference.__main__ import app; app(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True)
    assert done.returncode == 130
    assert done.stderr.decode() == "interrupted: the same command with --resume goes on\n"
    assert out.read_text() == old
    assert predict(*arguments[1:], "--resume").exit_code == 0
    assert [row["label"] for row in rows_of(out)] == ["man", "woman"]


def test_a_pipe_is_written_through(models: Path, draw: Callable[..., Path], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "inference", "predict", "--aligned", "--models", models]
    with subprocess.Popen([*command, draw("a.png", "red"), "--csv", pipe], cwd=ROOT) as process:
        lines = pipe.read_text().splitlines()
    assert process.returncode == 0
    assert len(lines) == 2
    assert pipe.is_fifo()


def test_folders_are_searched_in_order_and_hidden_files_passed_over(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/c.webp", "a/._c.jpg", ".DS_Store", "a/readme.md", "d.jpg/e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in expand([tmp_path]).files]
    assert names == ["a/c.webp", "b.JPG", "d.jpg/e.png"]


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
