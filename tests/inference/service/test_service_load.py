"""The benchmark of the service drives a real server."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.service_load import app


def test_it_measures_each_number_of_clients(exported: Path, tmp_path: Path, red: bytes) -> None:
    (tmp_path / "red.png").write_bytes(red)
    out = tmp_path / "load.json"
    options = ["--models", exported, "--photos", tmp_path, "--seconds", "1", "--clients", "1,3"]
    result = CliRunner().invoke(app, [*map(str, options), "--json", str(out)])
    assert result.exit_code == 0, result.output
    one, three = json.loads(out.read_text())
    assert (one["clients"], three["clients"]) == (1, 3)
    for load in (one, three):
        assert load["requests"] > 0 and not load["errors"]
        assert 0 < load["p50"] <= load["p95"] and load["memory"] > 10_000_000 and load["cpu"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--clients", "0"], "numbers from 1 to 256"),
        (["--clients", "many"], "numbers from 1 to 256"),
        (["--models", "nowhere"], "no such file or folder"),
        (["--photos", "{empty}"], "no photos in"),
    ],
)
def test_wrong_usage_of_the_benchmark_is_one_line(
    exported: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    given = [one.format(empty=tmp_path) for one in options]
    result = CliRunner().invoke(app, ["--models", str(exported), *given])
    assert result.exit_code == 2
    assert said in result.stderr and result.stderr.count("\n") == 1
