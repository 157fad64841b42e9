"""Twenty kills at random moments; takes many minutes, so it runs only when asked for: `-m slow`."""

import random
import signal
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from program import records, start

KILLS = 20
BACKBONES = ("googlenet", "vgg16")
TRIALS = 4  # of a backbone, by the quick preset
PHASES = [*["trunk", *["trial"] * TRIALS, "refit", "finish"] * len(BACKBONES), "report"]


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_twenty_kills_lose_no_finished_trial(tmp_path: Path) -> None:
    run = KilledRun(tmp_path)
    chance = random.Random(0)
    everywhere = range(len(PHASES))
    targets = sorted([*everywhere, *chance.choices(everywhere, k=KILLS - len(PHASES))])
    known: dict[str, object] = {}
    for target in targets:
        run.kill_within(target, chance)
        now = records(run.folder)
        assert {name: now.get(name) for name in known} == known
        known = now
    print("killed during", dict(run.kills))
    assert run.kills.total() == KILLS
    assert {"trunk", "trial", "refit"} <= run.kills.keys()
    run.start()
    assert run.process.wait() == 0, run.output()
    last = records(run.folder)
    assert {name: last[name] for name in known} == known
    table = pd.read_csv(run.folder / "leaderboard.csv")
    assert len(table) == len(last) == TRIALS * len(BACKBONES)
    assert (table["status"] == "completed").all()
    assert (run.folder / "report.html").exists()


class KilledRun:
    """A run that is started and killed again and again.

    How far it is, an index into `PHASES`, is read from its files, so that a kill comes when there
    is something to break, on a fast machine and on a slow one.
    """

    def __init__(self, artifacts: Path) -> None:
        self.folder = artifacts / "runs" / "killed"
        self.kills: Counter[str] = Counter()
        self._log = artifacts / "output.txt"
        self._seconds = dict.fromkeys(PHASES, 0.5)
        self._artifacts = artifacts
        self._settings = {
            "BACKBONES": ",".join(BACKBONES), "SAMPLES": "200", "SIZE": "64", "WEIGHTS": "none",
            "RUN": "killed", "PRESET": "quick", "BUDGET": "999",
        }  # fmt: skip

    def start(self) -> None:
        with self._log.open("w") as log:
            self.process = start(self._artifacts, "tuning", output=log, **self._settings)

    def kill_within(self, target: int, chance: random.Random) -> None:
        """Let it come to a phase, or a later one, and kill it at a random moment of that.

        The moment lies within what the phase took when it was last seen, at its end at the latest.
        """
        self.start()
        phase, since, moment = -1, time.monotonic(), float("inf")
        while time.monotonic() < moment:
            if self.process.poll() is not None:
                assert self.process.returncode == 0, self.output()
                self.start()
                phase, moment = -1, float("inf")
            now = self._phase()
            if now > phase:
                if phase >= 0:
                    self._seconds[PHASES[phase]] = time.monotonic() - since
                phase, since = now, time.monotonic()
                if moment < float("inf"):
                    break  # it was faster than last time
                if phase >= target:
                    moment = since + chance.uniform(0, self._seconds[PHASES[phase]])
            time.sleep(0.01)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills[PHASES[max(phase, self._phase())]] += 1

    def _phase(self) -> int:
        """What it works on; -1 before it works on anything."""
        done = sum(self._milestones(name) for name in BACKBONES)
        output = self.output()
        if done == len(PHASES) - 1:
            return done if output.count("winner on test images") == len(BACKBONES) else -1
        number = done // (len(PHASES) // len(BACKBONES)) + 1
        return done if f"({number} of {len(BACKBONES)})" in output else -1

    def _milestones(self, backbone: str) -> int:
        """How many of a backbone's phases are over."""
        study = self.folder / "studies" / backbone
        over = (
            any(study.glob("trial_*/trial.json")),
            *(path.exists() for path in study.glob("trial_*/record.json")),
            (study / "refit.json").exists(),
            (self.folder / "winners" / f"{backbone}.json").exists(),
        )
        return sum(over)

    def output(self) -> str:
        return self._log.read_text()
