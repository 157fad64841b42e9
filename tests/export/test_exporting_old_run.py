"""A run of an earlier version, whose search worked otherwise, is refused in a line."""

import json
from pathlib import Path

import pytest

from export.__main__ import main
from export.source import Source
from tuning.runs.run_folder import RunError, RunFolder


def as_before(run: RunFolder) -> None:
    """Make the run's files what a version wrote that knew no stages in front of a head."""
    config = json.loads(run.config.read_text())
    run.config.write_text(json.dumps(config | {"schema_version": 1}))
    metrics = json.loads(run.metrics.read_text())
    for winner in metrics["winners"].values():
        del winner["trial"], winner["score"], winner["hyperparameters"]["stages"]
        winner |= {"schema_version": 2, "origin": "refit"}
    run.metrics.write_text(json.dumps(metrics))


def test_an_old_run_is_refused(run_copy: RunFolder, image_cache: Path) -> None:
    as_before(run_copy)
    with pytest.raises(RunError, match="of another version of this program") as refused:
        Source.open(run_copy, image_cache)
    assert "\n" not in str(refused.value)


def test_the_command_says_so_in_a_line(
    run_copy: RunFolder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    as_before(run_copy)
    runs = tmp_path / "artifacts" / "runs"
    runs.mkdir(parents=True)
    run_copy.path.rename(runs / "old")
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "--run",
                "old",
                "--artifacts",
                str(tmp_path / "artifacts"),
                "--models",
                str(tmp_path / "m"),
            ]
        )
    assert ended.value.code == 1
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ") and "another version" in line
