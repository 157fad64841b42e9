"""Workers of a local Ray: one of them killed, then the driver; the same command goes on."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
from program import call, records, start

SETTINGS = {
    "BACKBONES": "googlenet,vgg16", "SAMPLES": "100", "SIZE": "64", "WEIGHTS": "none",
    "RUN": "shared", "WORKERS": "2",
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
    run = tmp_path / "runs" / "shared"
    log = tmp_path / "output.txt"
    with log.open("w") as output:
        process = start(tmp_path, "tuning", output=output, **SETTINGS)
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
    ended = call(tmp_path, "tuning", **SETTINGS)
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr
    assert "Ray: 2 workers" in ended.stdout
    last = records(run)
    assert {name: last[name] for name in known} == known
    table = pd.read_csv(run / "leaderboard.csv")
    assert list(table["status"]) == ["completed"] * 8
    assert sorted(table["trial"]) == [0, 0, 1, 1, 2, 2, 3, 3]
    _, alive = psutil.wait_procs(of_ray, timeout=60)
    assert not alive, "nothing of Ray stays behind"
