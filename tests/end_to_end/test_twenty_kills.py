"""Twenty kills at random moments; takes minutes, so it runs only when asked for: `-m slow`."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
KILLS = 20


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_kills_lose_no_finished_trial(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DATA", "WEIGHTS", "RUN")}
    environment |= {
        "ARTIFACTS": str(tmp_path), "BACKBONES": "googlenet,vgg16", "SAMPLES": "200",
        "SIZE": "64", "WEIGHTS": "none", "RUN": "killed",
    }  # fmt: skip
    run = tmp_path / "runs" / "killed"
    chance = random.Random(0)
    known: dict[str, object] = {}
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "tuning"], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(chance.uniform(2, 30))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), errors
        now = finished_trials(run)
        assert {name: now.get(name) for name in known} == known
        known = now
    done = subprocess.run(
        [sys.executable, "-m", "tuning"], cwd=ROOT, env=environment, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    last = finished_trials(run)
    assert {name: last[name] for name in known} == known
    assert len(pd.read_csv(run / "leaderboard.csv")) == len(last) == 8


def finished_trials(run: Path) -> dict[str, object]:
    return {
        str(path.relative_to(run)): json.loads(path.read_text())
        for path in run.glob("studies/*/trial_*/record.json")
    }
