"""All images of a data set, with a cache that holds a part of them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from program import call

IMAGES, SIDE = 1100, 32
CACHE = 0.03  # GB: for half of the training images, in both views


def test_a_run_of_all_images_ends_where_the_cache_holds_some(tmp_path: Path) -> None:
    faces(tmp_path / "faces")
    done = call(
        tmp_path / "artifacts",
        "tuning",
        DATA=str(tmp_path / "faces"),
        SAMPLES="0",
        CACHE_GB=str(CACHE),
        BACKBONES="googlenet",
        BUDGET="0.2",
        SIZE="64",
        FRAMING="stretch",
        WEIGHTS="none",
        RUN="tiny",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "artifacts" / "runs" / "tiny"
    images = json.loads((run / "studies" / "googlenet" / "images.json").read_text())
    assert f"begins with {images['train']} of 770 training images" in done.stdout
    assert (run / "winners" / "googlenet.json").exists()
    held = sum(path.stat().st_size for path in (run.parents[1] / "cache" / "trunk").glob("*.npy"))
    assert 0 < held < 1e9 * CACHE


def faces(folder: Path) -> None:
    """Bright men and dark women, in noise."""
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        name = ("man", "woman")[number % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 155, (SIDE, SIDE, 3)) + 100 * (number % 2 == 0)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")
