"""What all command lines have in common, from the side of whoever types them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

from data import cli

ROOT = Path(__file__).parents[1]
Call = Callable[[str], tuple[int, str, str]]
COMMAND_LINES = ("data", "tuning", "export", "inference", "benchmarks", "face_classifier")
SETTINGS = ("DATA", "WEIGHTS", "SAMPLES", "RUN", "MODELS", "LABELS", "ARTIFACTS", "BACKBONES")
HEAVY = ("tensorflow", "keras", "onnxruntime", "gradio", "sklearn", "scipy")


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m` in a folder, as a shell would."""
    known = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**known, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str, str]]:
    """Run a command line in this process and an empty folder: status, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)

    def run(command: str) -> tuple[int, str, str]:
        package, *arguments = command.split()
        monkeypatch.setattr(sys, "argv", [package, *arguments])
        home = package if package == "face_classifier" else f"{package}.__main__"
        with pytest.raises(SystemExit) as ended:
            import_module(home).main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_the_version_is_that_of_the_package(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, name, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"face-classifier-tuner {version('face-classifier-tuner')}\n"


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_help_loads_neither_tensorflow_nor_onnxruntime(name: str, tmp_path: Path) -> None:
    done = run(tmp_path, name, "--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded and not loaded & set(HEAVY)
    assert done.returncode == 0
    assert "--version" in done.stdout
    assert not done.stdout.splitlines()[3].startswith("╭")  # the docstring, before the options


@pytest.mark.parametrize(
    "command",
    [
        "data descrive x",
        "data describe",
        "data describe nowhere",
        "data describe nowhere --limt 3",
        "data describe nowhere --limit 0",
        "data describe . --labels 0=x",
        "data synthesize there --count 2",
        "tuning --sample 3",
        "tuning --samples many",
        "tuning --preset slow",
        "tuning --data nowhere",
        "tuning --weights nowhere",
        "tuning --labels 0=x",
        "tuning --run a/b",
        "tuning --backbones alexnet",
        "tuning --size 32",
        "export spaces",
        "export --max-size big",
        "export --run nowhere",
        "export --run a/b",
        "export --min-accuracy 101",
        "export space",
        "export space --to x --models nowhere",
        "export push",
        "export push --to faces",
        "export push --to ann/faces --models nowhere",
        "inference predictt x",
        "inference predict",
        "inference predict nowhere",
        "inference predict . --precision fp16",
        "inference predict . --aligned --small-faces",
        "inference demo --models nowhere",
        "inference demo --port 0",
        "inference demo --user me",
        "inference serve --models nowhere",
        "inference serve --workers 0",
        "inference serve --workers 2 --page",
        "inference bench --models nowhere",
        "inference bench --models hf://faces",
        "inference bench --rounds 0",
        "benchmarks equal-minute",
        "benchmarks --data nowhere equal-minutes",
        "benchmarks --size 32 growth",
        "benchmarks minutes nowhere",
        "benchmarks anytime --run a/b",
        "face_classifier tun",
        "face_classifier data describe nowhere",
        "face_classifier predict nowhere",
        "face_classifier push --to ann/faces@v1",
        "face_classifier tune --data nowhere",
    ],
)
def test_wrong_usage_is_one_line_and_status_2(command: str, call: Call) -> None:
    status, output, errors = call(command)
    assert (status, output) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    ["data describe .", "data synthesize file/portraits", "export", "face_classifier export"],
)
def test_work_that_fails_is_one_line_and_status_1(command: str, call: Call) -> None:
    Path("file").touch()
    status, output, errors = call(command)
    assert (status, output) == (1, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1


def test_wrong_usage_of_a_subcommand_names_its_own_help(call: Call) -> None:
    for command in ("tune --sample 3", "predict --csw out.csv", "data describe --limit x ."):
        name = command.partition(" -")[0]
        assert call(f"face_classifier {command}")[2].endswith(
            f"(see face-classifier {name} --help)\n"
        )


@pytest.mark.parametrize("command", ["data", "inference", "face_classifier"])
def test_without_a_command_there_is_help_and_status_2(command: str, call: Call) -> None:
    status, output, errors = call(command)
    assert (status, errors) == (2, "")
    assert "Commands" in output


SMALL_COMMAND = """
import sys, time, typer
from data.cli import Command, command_group, failing_on, existing_path
app = command_group()
@app.command(cls=Command)
def work(how: str) -> None:
    if how == "interrupted":
        print("ready", flush=True)
        time.sleep(60)
    if how == "pipe":
        for _ in range(100_000): print("many lines")
    if how == "disk": raise OSError(28, "No space left on device", "out.csv")
    if how == "package": import a_package_that_is_not_there
    if how == "fault": raise ZeroDivisionError
app()
"""


def start_small_command(how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SMALL_COMMAND, how],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_is_one_line_and_status_130() -> None:
    process = start_small_command("interrupted")
    assert process.stdout and process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted\n")


def test_a_reader_that_leaves_is_no_error_to_tell_of() -> None:
    process = start_small_command("pipe")
    assert process.stdout and process.stderr and process.stdout.readline() == "many lines\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("disk", "error: No space left on device: out.csv\n"),
        (
            "package",
            "error: the package a_package_that_is_not_there is not installed: this needs the "
            "extras for training, as in pip install '.[train,cpu]'\n",
        ),
    ],
)
def test_what_a_user_can_mend_is_one_line(how: str, message: str) -> None:
    process = start_small_command(how)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (1, message)


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    process = start_small_command("fault")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" in errors and "ZeroDivisionError" in errors


@pytest.mark.parametrize("error", [cli.CommandError, cli.UsageError])
def test_failing_on_keeps_the_cause_and_lets_others_through(
    error: type[cli.CommandError],
) -> None:
    with pytest.raises(error, match="two lines") as caught, cli.failing_on(OSError, error=error):
        raise OSError("two\nlines")
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(KeyError), cli.failing_on(OSError):
        raise KeyError
