"""Twenty kills at random moments; takes minutes, so it runs only when asked for: `-m slow`."""

import json
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from program import assert_goes_on, learned, records, start

from data.synthetic.writing import generate
from tuning.runs.run_folder import RunFolder
from tuning.runs.timeline import read_timeline

KILLS = 20
PORTRAITS = 90
LAST_MINUTES = 0.5  # of the session that nobody kills
MOST_STEPS = 2  # that a session is left to do before it is killed within the next one
BACKBONE = "googlenet"
SETTINGS = {
    "BACKBONES": BACKBONE, "SIZE": "64", "WEIGHTS": "none", "RUN": "killed", "PRESET": "full",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    run, chance = KilledRun(tmp_path), random.Random(0)
    known: dict[str, Any] = {}
    for _ in range(KILLS):
        run.kill_behind(chance.randint(0, MOST_STEPS), chance)
        now = records(run.path)
        assert_goes_on(known, now)
        known = now
    run.start(minutes=run.spent() + LAST_MINUTES)
    assert run.process.wait() == 0, run.output()
    print("killed within", dict(run.interrupted()))
    assert {"pass", "leg"} <= run.interrupted().keys()
    last = records(run.path)
    assert_goes_on(known, last)
    assert_complete(run.path, last)
    worked = run.worked().groupby("step")["images"].sum()
    assert worked["pass"] <= run.cached(), "no image passes twice"
    assert worked["leg"] <= sum(seen(record) for record in last.values()), "no leg is repeated"


def assert_complete(run: Path, trials: dict[str, Any]) -> None:
    """The run has ended as one that nobody disturbs."""
    table = pd.read_csv(run / "leaderboard.csv")
    assert len(table) == len(trials)
    assert "failed" not in set(table["status"])
    best = min((trial for trial in trials.values() if trial["result"]), key=score)
    metrics = json.loads((run / "metrics.json").read_text())
    winner = metrics["winners"][BACKBONE]
    assert (winner["trial"], winner["score"]) == (best["trial"], score(best))
    assert (run / "report.html").exists()


def score(trial: dict[str, Any]) -> float:
    return float(trial["result"]["score"])


def seen(trial: dict[str, Any]) -> int:
    """Number of images of a trial's legs, 0 for a head."""
    return learned(trial) if trial["result"] and trial["values"]["depth"] else 0


class KilledRun:
    """A run that is started and killed again and again.

    How far it is is read from its timeline, so that a kill comes when there is something to break,
    on a fast machine and on a slow one.
    """

    def __init__(self, artifacts: Path) -> None:
        self._artifacts, self._log = artifacts, artifacts / "output.txt"
        self._folder = RunFolder.named(artifacts / "runs", SETTINGS["RUN"])
        self.path = self._folder.path
        self._data = generate(artifacts / "faces", PORTRAITS)
        self._killed_behind: list[int] = []

    def start(self, minutes: float = 999) -> None:
        settings = {**SETTINGS, "DATA": str(self._data), "BUDGET": f"{minutes:.2f}"}
        with self._log.open("w") as log:
            self.process = start(self._artifacts, "tuning", output=log, **settings)

    def kill_behind(self, steps: int, chance: random.Random) -> None:
        """Let it do some steps, and kill it at a random moment of the next one."""
        self.start()
        before = len(self.worked())
        while "images: train" not in self.output() or len(self.worked()) < before + steps:
            assert self.process.poll() is None, f"it ended before it was killed: {self.output()}"
            time.sleep(0.01)
        took = (self.worked()["ended"] - self.worked()["began"]).median()
        time.sleep(chance.uniform(0, 3.0 if np.isnan(took) else took))
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._killed_behind.append(len(self.worked()))

    def spent(self) -> float:
        """Minutes of all sessions."""
        return self._folder.read_clock().seconds / 60

    def worked(self) -> pd.DataFrame:
        """The steps that did something: what is cached does not pass again."""
        rows = read_timeline(self._folder)
        return rows[(rows["step"] != "report") & (rows["images"] > 0)].reset_index(drop=True)

    def interrupted(self) -> Counter[str]:
        """Kinds of the steps that had to be done again, or were begun next, by kills."""
        return Counter(self.worked()["step"][self._killed_behind].tolist())

    def cached(self) -> int:
        """Number of images whose activations are kept, once for each cut and view."""
        kept = (self._artifacts / "cache" / "trunk").glob(f"{BACKBONE}-*.npy")
        return sum(len(np.load(path, mmap_mode="r")) for path in kept)

    def output(self) -> str:
        return self._log.read_text()
