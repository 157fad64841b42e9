"""All images of a data set, with a cache that holds next to nothing of them."""

import json
from pathlib import Path

from program import call

from data.synthetic.writing import generate


def test_a_run_of_all_images_ends_whatever_the_cache_holds(tmp_path: Path) -> None:
    faces = generate(tmp_path / "faces", 90)
    done = call(
        tmp_path / "artifacts",
        "tuning",
        DATA=str(faces),
        SAMPLES="0",
        CACHE_GB="0.0004",
        BACKBONES="googlenet",
        PRESET="quick",
        SIZE="64",
        WEIGHTS="none",
        RUN="tiny",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "artifacts" / "runs" / "tiny"
    plan = json.loads((run / "studies" / "googlenet" / "plan.json").read_text())
    winner = json.loads((run / "winners" / "googlenet.json").read_text())
    assert plan["images"]["views"] == [2, 0]
    assert "depth 1 from pixels (CACHE_GB=0.0004)" in done.stdout
    assert winner["trained"] == plan["images"]["train"]
    held = sum(path.stat().st_size for path in (run.parents[1] / "cache" / "trunk").glob("*.npy"))
    assert 0 < held < 4e5
