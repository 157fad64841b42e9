import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from timelines import two_backbones

from benchmarks.__main__ import main

ROOT = Path(__file__).parents[2]
CHOICES = ("DATA", "WEIGHTS", "SAMPLES", "BACKBONES", "SIZE", "PRECISION", "SEED", "RUN")


def bench(artifacts: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in CHOICES}
    shared = (
        "--artifacts", str(artifacts), "--weights", "none", "--samples", "100",
        "--backbones", "googlenet", "--size", "64", "--precision", "float32",
    )  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *shared, *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def result(portraits: Path, artifacts: Path, name: str, *arguments: str) -> dict[str, Any]:
    ended = bench(artifacts, "--data", str(portraits), name, *arguments)
    assert ended.returncode == 0, ended.stderr
    path = artifacts / "bench" / f"{name}.json"
    assert f"written to {path}" in ended.stdout
    assert [entry.name for entry in artifacts.glob("bench*")] == ["bench"]
    return json.loads(path.read_text())


@pytest.mark.slow
def test_equal_minutes(portraits: Path, tmp_path: Path) -> None:
    content = result(portraits, tmp_path, "equal-minutes", "--minutes", "0.5")
    assert [search["side"] for search in content["searches"]] == ["plain", "ours"]
    assert {each["figure"] for each in content["compared"]} == {"val", "test"}
    names = ("equal-minutes-googlenet-val.png", "equal-minutes-googlenet-test.png")
    assert all((tmp_path / "bench" / name).exists() for name in names)


@pytest.mark.slow
def test_anytime(portraits: Path, tmp_path: Path) -> None:
    ended = bench(
        tmp_path, "--data", str(portraits), "anytime", "--budget", "0.5", "--busy", "1",
        "--preset", "quick",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    content = json.loads((tmp_path / "bench" / "anytime-busy-1.json").read_text())
    assert content["val"]["googlenet"]
    assert content["test"]["googlenet"]
    spent = json.loads((tmp_path / "bench" / "minutes-anytime-busy-1.json").read_text())
    assert spent["spent"]["steps"]["googlenet"]["pass"] > 0
    assert spent["peak_gmacs"] > 0
    assert (tmp_path / "runs" / "anytime-busy-1" / "metrics.json").exists()
    assert not list(tmp_path.glob("bench-*"))


@pytest.mark.slow
def test_workers(portraits: Path, tmp_path: Path) -> None:
    content = result(portraits, tmp_path, "workers", "--minutes", "0.7")
    assert [run["workers"] for run in content["runs"]] == [0, 1, 2]
    assert all(run["first_winners"] > 0 for run in content["runs"])


def test_the_minutes_of_a_run_are_shown(tmp_path: Path) -> None:
    two_backbones(tmp_path / "runs" / "mine")
    ended = bench(tmp_path, "minutes", "mine")
    assert ended.returncode == 0, ended.stderr
    assert "VGG16" in ended.stdout
    assert (tmp_path / "bench" / "minutes-mine.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backbones", "alexnet", "equal-minutes"), "BACKBONES=alexnet: must be one of"),
        (("--size", "32", "growth"), "SIZE=32: must be 64 to 224"),
        (("--data", "nowhere", "workers"), "DATA=nowhere: no such file or folder"),
        (("anytime", "--run", "mine"), "RUN=mine: no such run in"),
        (("minutes", "../mine"), "RUN='../mine': give a name, not a path"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable in CHOICES:
        monkeypatch.delenv(variable, raising=False)
    artifacts = ("--artifacts", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["benchmarks", *artifacts, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: {message}")
    assert errors.count("\n") == 1
