"""The program's commands in processes of their own, as a user starts them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def records(run: Path) -> dict[str, Any]:
    """The records of the trials that a run has finished, by their paths in its folder."""
    return {
        str(path.relative_to(run)): json.loads(path.read_text())
        for path in run.glob("studies/*/trial_*/record.json")
    }
