"""What goes wrong is told in one line, with a non-zero exit and without a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from program import call, environment

Tune = Callable[..., tuple[int, str]]


@pytest.fixture
def tune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Tune:
    """`make tune` with these settings, in this process: exit status and standard error."""
    from tuning.__main__ import main

    def run(**settings: str) -> tuple[int, str]:
        with monkeypatch.context() as patch:
            for name, value in environment(tmp_path / "artifacts", **settings).items():
                patch.setenv(name, value)
            for name in {"DATA", "WEIGHTS", "RUN"} - settings.keys():
                patch.delenv(name, raising=False)
            with pytest.raises(SystemExit) as ended:
                main([])
        assert isinstance(ended.value.code, int)
        return ended.value.code, capfd.readouterr().err

    return run


def pictures(folder: Path, count: int, start: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        Image.new("RGB", (32, 32), (number % 256, 9, 9)).save(folder / f"{number}.png")


def both_classes(folder: Path) -> Path:
    pictures(folder / "man", 20)
    pictures(folder / "woman", 20, start=100)
    return folder


def csv_without_label(folder: Path) -> Path:
    pictures(folder, 2)
    table = folder / "faces.csv"
    table.write_text("path,age\n0.png,3\n1.png,4\n")
    return table


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def one_class(folder: Path) -> Path:
    pictures(folder / "man", 5)
    (folder / "woman").mkdir()
    return folder


def text_files(folder: Path) -> Path:
    both_classes(folder)
    for number in range(10):
        (folder / "man" / f"text{number}.jpg").write_text("this is no image")
    return folder


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"DATA": "no/such/folder"}, "DATA=no/such/folder: no such file or folder"),
        ({"BACKBONES": "vgg17"}, "BACKBONES=vgg17: must be one of vgg16, vgg19"),
        ({"WEIGHTS": "no/such/weights"}, "WEIGHTS=no/such/weights is not a folder"),
        ({"RUN": "../elsewhere"}, "RUN='../elsewhere': give a name, not a path"),
    ],
)
def test_wrong_settings(tune: Tune, settings: dict[str, str], message: str) -> None:
    status, errors = tune(**settings)
    assert status == 2
    assert_one_line(errors, message)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (csv_without_label, "label"),
        (empty, "empty"),
        (one_class, "labeled 'man'"),
        (text_files, "text0.jpg"),
    ],
)
def test_wrong_data(tune: Tune, tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    data = make(tmp_path / "faces")
    status, errors = tune(DATA=str(data), WEIGHTS="none", BACKBONES="googlenet", SIZE="64")
    assert status == 1
    assert_one_line(errors, message)


def test_nothing_else_is_printed_by_a_process_of_its_own(tmp_path: Path) -> None:
    """TensorFlow, which was imported by then, would like to."""
    done = call(tmp_path, "tuning", SIZE="20")
    assert done.returncode == 2
    assert_one_line(done.stderr, "SIZE=20: must be 64 to 224")


def test_real_data_without_weights_names_the_ways_out(tmp_path: Path) -> None:
    """No network: a proxy that is not there, as on a machine that is cut off."""
    done = call(
        tmp_path,
        "tuning",
        DATA=str(both_classes(tmp_path / "faces")),
        BACKBONES="googlenet",
        KERAS_HOME=str(tmp_path / "keras"),
        HTTPS_PROXY="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
    )
    assert done.returncode == 1
    assert_one_line(done.stderr, "WEIGHTS=<folder>")
    assert "WEIGHTS=none" in done.stderr


def assert_one_line(errors: str, message: str) -> None:
    (error,) = errors.splitlines()
    assert error.startswith("error: ")
    assert message in error
