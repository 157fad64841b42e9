"""The command `face-classifier`, installed from a wheel, in folders as users have them."""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

SETTINGS = ("DATA", "WEIGHTS", "MODELS", "RUN", "PYTHONPATH")


@pytest.fixture(params=["folder", "package"])
def working_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder to work in, with a `data` of its own."""
    (tmp_path / "data").mkdir()
    if request.param == "package":
        (tmp_path / "data" / "__init__.py").write_text("raise RuntimeError('not yours')\n")
    return tmp_path


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_it_does_not_mind_a_data_folder_of_the_users(installed: Path, working_folder: Path) -> None:
    command = installed / "face-classifier"
    shown = run(working_folder, command, "--version")
    assert shown.stdout == f"face-classifier-tuner {version('face-classifier-tuner')}\n"
    drawn = run(working_folder, command, "data", "synthesize", "drawn", "--count", "6")
    assert (drawn.returncode, drawn.stderr) == (0, "6 portraits in drawn\n")
    described = run(working_folder, command, "data", "describe", "drawn")
    assert described.returncode == 0 and "synthetic portraits" in described.stdout
    for name in ("tune", "watch", "export", "push", "predict", "demo", "serve", "bench"):
        assert "Usage: face-classifier" in run(working_folder, command, name, "--help").stdout
    missing = run(working_folder, command, "predict", "drawn", "--csv", "out.csv")
    assert missing.returncode == 2
    assert (
        missing.stderr == "error: no exported models in artifacts/models: run `make export` first\n"
    )


@pytest.mark.parametrize("package", ["inference", "export", "tuning"])
def test_python_m_does_not_mind_it_either(
    installed: Path, working_folder: Path, package: str
) -> None:
    shown = run(working_folder, installed / "python", "-m", package, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("name", ["tune", "export"])
def test_a_serving_install_says_what_training_needs(
    installed: Path, tmp_path: Path, name: str
) -> None:
    """TensorFlow is there for the tests; a module that is not found stands in for it."""
    absent = "raise ModuleNotFoundError('No module named tensorflow', name='tensorflow')\n"
    (tmp_path / "tensorflow.py").write_text(absent)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [installed / "face-classifier", name],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: the package tensorflow is not installed")
    assert "[train,cpu]" in done.stderr and done.stderr.count("\n") == 1
