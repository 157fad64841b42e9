"""Several processes on one run: Keras Tuner's chief and workers, one of them killed."""

import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
from program import start


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        children = psutil.Process(process.pid).children()
    except psutil.NoSuchProcess:
        return []
    return [child for child in children if "KERASTUNER_TUNER_ID" in child.environ()]


def test_a_killed_worker_stops_nothing_and_its_trial_is_run(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "shared"
    process = start(
        tmp_path,
        "tuning",
        BACKBONES="googlenet",
        SAMPLES="200",
        SIZE="64",
        WEIGHTS="none",
        RUN="shared",
        WORKERS="2",
    )
    started = run / "studies" / "googlenet"
    while process.poll() is None and not list(started.glob("trial_*/trial.json")):
        time.sleep(0.1)
    victims = workers_of(process)
    assert len(victims) == 2, process.communicate()
    victims[0].send_signal(signal.SIGKILL)
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    assert "2 workers" in output
    table = pd.read_csv(run / "leaderboard.csv")
    assert list(table["status"]) == ["completed"] * 4
    assert sorted(table["trial"]) == [0, 1, 2, 3]
