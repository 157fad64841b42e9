"""Workers of a local Ray: one of them killed, then the driver; the same command goes on."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
from program import assert_goes_on, call, records, start

from data.synthetic.writing import generate

PORTRAITS = 90
SETTINGS = {
    "BACKBONES": "googlenet,vgg16", "SIZE": "64", "WEIGHTS": "none",
    "RUN": "shared", "WORKERS": "2", "BUDGET": "0.8",
}  # fmt: skip


def below(process: subprocess.Popen[str]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def at_a_step(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.cmdline()[:1] == ["ray::do"]:
                found.append(process)
    return found


def test_killed_workers_and_a_killed_driver_lose_nothing(tmp_path: Path) -> None:
    settings = {**SETTINGS, "DATA": str(generate(tmp_path / "faces", PORTRAITS))}
    run = tmp_path / "runs" / "shared"
    log = tmp_path / "output.txt"
    with log.open("w") as output:
        process = start(tmp_path, "tuning", output=output, **settings)
    while process.poll() is None and not list(run.glob("studies/*/trial_*/trial.json")):
        time.sleep(0.1)
    while process.poll() is None and not (victims := at_a_step(below(process))):
        time.sleep(0.1)
    assert process.poll() is None, log.read_text()
    victims[0].kill()
    while process.poll() is None and len(records(run)) < 2:
        time.sleep(0.1)
    of_ray = below(process)
    assert of_ray and process.poll() is None, log.read_text()
    process.kill()
    process.wait()
    assert "raylet" not in log.read_text(), "Ray keeps to its own logs"
    known = records(run)
    ended = call(tmp_path, "tuning", **settings)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.startswith("peak memory") and ended.stderr.count("\n") == 1
    assert "Ray: 2 workers" in ended.stdout
    last = records(run)
    assert_goes_on(known, last)
    table = pd.read_csv(run / "leaderboard.csv")
    assert len(table) == len(last)
    assert "failed" not in set(table["status"])
    for _, trials in table.groupby("backbone"):
        assert sorted(trials["trial"]) == list(range(len(trials)))
    _, alive = psutil.wait_procs(of_ray, timeout=60)
    assert not alive, "nothing of Ray stays behind"
