"""Three Ray nodes, ten kills of workers and nodes; takes minutes: `-m slow`."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from ray_nodes import Nodes, can_hide

ROOT = Path(__file__).parents[3]
KILLS = 10


def started(
    artifacts: Path, run: str, backbones: str = "googlenet,vgg16", **more: str
) -> subprocess.Popen[str]:
    settings = {
        "BACKBONES": backbones, "SAMPLES": "300", "SIZE": "64", "WEIGHTS": "none", "RUN": run,
        "BUDGET": "999", "ALGORITHM": "random", "ARTIFACTS": str(artifacts),
    }  # fmt: skip
    environment = {key: value for key, value in os.environ.items() if key != "DATA"}
    with (artifacts / f"{run}.txt").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tuning"], cwd=ROOT, text=True, stdout=log, stderr=log,
            env={**environment, **settings, **more},
        )  # fmt: skip


def results(artifacts: Path, run: str) -> pd.DataFrame:
    table = pd.read_csv(artifacts / "runs" / run / "leaderboard.csv")
    assert (table["status"] == "completed").all(), table
    return table.sort_values(["backbone", "trial"]).reset_index(drop=True)


def winners(artifacts: Path, run: str) -> set[str]:
    metrics = json.loads((artifacts / "runs" / run / "metrics.json").read_text())
    return set(metrics["winners"])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shared", [True, False])
def test_ten_kills_on_three_nodes_lose_nothing(shared: bool, tmp_path: Path) -> None:
    if not (shared or can_hide()):
        pytest.skip("this user may not hide a folder")
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    nodes = Nodes(tmp_path / "nodes", None if shared else artifacts)
    try:
        numbers = [nodes.add(), nodes.add()]
        process = started(artifacts, "killed", RAY_ADDRESS=nodes.address, **nodes.access)
        kills = kill_at_random(nodes, numbers, process, random.Random(int(shared)))
        output = (artifacts / "killed.txt").read_text()
        assert process.wait(1200) == 0, output
        print("killed", kills, output)
        assert len(kills) == KILLS
        own = [*nodes.folder.glob("node[1-9]/cache/face-classifier/cluster/trunk/*.npy")]
        assert bool(own) != shared
    finally:
        nodes.stop()
    alone = started(artifacts, "alone")
    assert alone.wait(1200) == 0
    one, three = (results(artifacts, run) for run in ("alone", "killed"))
    assert len(one) == len(three) == 8
    chosen = ["backbone", "trial", "depth", "learning_rate", "head_units", "dropout"]
    planned = one["trial"] < 3  # what comes behind starts from the best of these
    assert one.loc[planned, chosen].equals(three.loc[planned, chosen])
    first = one["trial"] == 0  # later ones end early when they cannot beat those that are done
    assert three.loc[first, "val_brier"].to_numpy() == pytest.approx(
        one.loc[first, "val_brier"].to_numpy(), abs=1e-3
    )
    assert winners(artifacts, "killed") == winners(artifacts, "alone")


def kill_at_random(
    nodes: Nodes, numbers: list[int], process: subprocess.Popen[str], chance: random.Random
) -> list[str]:
    """Kill workers that are at a step, and now and then a node, which another one takes over."""
    kills: list[str] = []
    while process.poll() is None and len(kills) < KILLS:
        time.sleep(chance.uniform(1, 12))
        working = nodes.workers()
        if not working:
            continue
        if len(kills) % 4 == 3:
            number = numbers.pop(chance.randrange(len(numbers)))
            nodes.kill(number)
            numbers.append(nodes.add())
            kills.append(f"node {number}")
        else:
            try:
                chance.choice(working).kill()
            except psutil.NoSuchProcess:
                continue
            kills.append("worker")
    return kills
