"""The program's commands in processes of their own, as a user starts them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


def environment(artifacts: Path, **settings: str) -> dict[str, str]:
    """The environment without the settings of whoever runs the tests, and with these."""
    clean = {k: v for k, v in os.environ.items() if k not in ("DATA", "WEIGHTS", "RUN")}
    return {**clean, "ARTIFACTS": str(artifacts), "MODELS": str(artifacts / "models"), **settings}


def command(part: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", part, *arguments]


def start(
    artifacts: Path, part: str, output: Any = subprocess.PIPE, **settings: str
) -> subprocess.Popen[str]:
    """Start `python -m part`; what it prints on either stream goes to `output`."""
    env = environment(artifacts, **settings)
    return subprocess.Popen(
        command(part), cwd=ROOT, env=env, stdout=output, stderr=output, text=True
    )


def call(
    artifacts: Path, part: str, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m part` to its end."""
    return subprocess.run(
        command(part, *arguments),
        cwd=ROOT,
        env=environment(artifacts, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def kill_when(
    enough: Callable[[], bool], artifacts: Path, part: str, seconds: float = 400, **settings: str
) -> None:
    """Run `python -m part` until something is there, and kill it then.

    Args:
        enough: Whether it is.
        artifacts: Folder for everything it makes.
        part: What to run.
        seconds: Time after which it is killed at the latest.
        settings: Variables of its environment.
    """
    process = start(artifacts, part, output=subprocess.DEVNULL, **settings)
    limit = time.monotonic() + seconds
    while process.poll() is None and not enough() and time.monotonic() < limit:
        time.sleep(0.1)
    process.kill()
    process.wait()


def records(run: Path) -> dict[str, Any]:
    """The records of the trials that a run has finished, by their paths in its folder."""
    return {
        str(path.relative_to(run)): json.loads(path.read_text())
        for path in run.glob("studies/*/trial_*/record.json")
    }


def tuned(trials: dict[str, Any]) -> set[str]:
    """Names of the backbones that have a fine-tuned trial with a leg, of a run's records."""
    scored = [path for path, trial in trials.items() if trial["result"]]
    return {Path(path).parts[1] for path in scored if trials[path]["values"]["depth"]}


def assert_goes_on(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Check that every trial is still there, has come as far as before, and in the same way.

    Args:
        before: Records of a run, as `records` returns them.
        now: Its records later.
    """
    for name, old in before.items():
        new = now[name]
        assert new["values"] == old["values"]
        if old["result"] is None:
            continue
        if old["values"]["depth"]:
            legs = old["result"]["history"]
            assert new["result"]["history"][: len(legs)] == legs
        else:  # a head may have been solved again, on more images
            assert new["result"] == old["result"] or learned(new) > learned(old)


def learned(trial: dict[str, Any]) -> int:
    """Number of images that a trial with a result has learned from, each view and epoch counted."""
    return int(trial["result"]["history"][-1]["images"])


def peak(work: Callable[[Path], object], root: Path) -> tuple[int, float]:
    """The most anonymous memory, bytes, of a process that does `work`, and its seconds.

    Pages of files that are mapped don't count: the system takes them back when it needs memory.
    """
    start = time.perf_counter()
    process = get_context("spawn").Process(target=work, args=(root,))
    process.start()
    watched, most = psutil.Process(process.pid), 0
    while process.is_alive():
        memory = watched.memory_info()
        most = max(most, memory.rss - memory.shared)
        time.sleep(0.005)
    assert process.exitcode == 0
    return most, time.perf_counter() - start
