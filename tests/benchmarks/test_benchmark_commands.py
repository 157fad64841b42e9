import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare
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
def test_compare(portraits: Path, tmp_path: Path) -> None:
    content = result(portraits, tmp_path, "compare", "--epochs", "1")
    (measured,) = content["backbones"]
    assert [at["depth"] for at in measured["depths"]] == [0, 1, 2]
    for at in measured["depths"]:
        assert len(at["ours"]) == compare.OUR_TRIALS[at["depth"]]
        assert at["plain"][0]["values"] == at["ours"][0]["values"]
        assert at["plain"][0]["epochs"] == 1
        assert at["ratio"] == pytest.approx(at["plain_seconds"] / at["our_seconds"])
    assert content["settings"]["precision"] == "float32"
    assert [target["wanted"] for target in content["targets"]["googlenet"]] == [100, 15, 10]


@pytest.mark.slow
def test_parts(portraits: Path, tmp_path: Path) -> None:
    content = result(portraits, tmp_path, "parts", "--epochs", "1")
    (measured,) = content["backbones"]
    assert [cost["depth"] for cost in measured["costs"]] == [0, 1, 2]
    for cost in measured["costs"]:
        of = cost["parts"]
        assert (of["tail"] > 0) is (cost["depth"] > 0)
        assert of["head"] > 0
        assert of["checkpoint"] > 0
    assert {row["by"] for row in measured["growth"]} == {"images", "epochs", "trials"}
    for row in measured["growth"]:
        assert len(row["at"]) == len(row["seconds"]) == len(row["ratio"]) == 3
        assert row["at"] == sorted(row["at"])


@pytest.mark.slow
def test_workers(portraits: Path, tmp_path: Path) -> None:
    content = result(portraits, tmp_path, "workers", "--preset", "quick")
    assert [run["workers"] for run in content["runs"]] == [0, 1, 2]
    assert all(run["trials"] == {"googlenet": 4, "resnet50": 4} for run in content["runs"])
    assert all(run["completed"] == 8 for run in content["runs"])
    assert content["ratio"] == pytest.approx(content["seconds"]["0"] / content["seconds"]["2"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backbones", "alexnet", "compare"), "BACKBONES=alexnet: must be one of"),
        (("--size", "32", "parts"), "SIZE=32: must be 64 to 224"),
        (("--data", "nowhere", "workers"), "DATA=nowhere: no such file or folder"),
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
