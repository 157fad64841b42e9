"""Search, export and serve a classifier from Python, on portraits that a program draws.

    python examples/train_on_drawn_portraits.py [FOLDER]

Takes about a minute and needs no network. Drawn faces only show that the pipeline works: give
`Settings` a folder of photos and pretrained weights for a classifier of people.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import data
from data.synthetic import generate
from export.champion import Limits
from export.export_run import export_run
from inference import Classifier, whole_image
from tuning.run import tune
from tuning.runs.settings import Settings


def main(artifacts: Path) -> None:
    """Make a run and a bundle below `artifacts`, and classify the run's test images with it."""
    portraits = generate(artifacts / "portraits", count=240)
    run = tune(_settings(portraits), artifacts, run_name="example")
    models = artifacts / "models"
    export_run(run, models, artifacts / "cache" / "images", Limits())

    manifest = data.read_manifest(run.manifest)
    test = manifest[manifest["split"] == "test"]
    # Each drawn portrait is one face in CelebA's frame, so no face has to be searched for.
    classifier = Classifier.load(models, finder=whole_image)
    p_man = [classifier.predict(path)[0].p_man for path in test["path"]]
    accuracy = ((test["label"] == 1) == (np.array(p_man) >= 0.5)).mean()
    print(f"{accuracy:.0%} of {len(test)} drawn test portraits are classified as labeled")


def _settings(portraits: Path) -> Settings:
    return Settings(
        data=str(portraits),
        backbones=("googlenet",),
        preset="quick",
        size=64,
        budget=0.5,
        weights="none",
        algorithm="random",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "artifacts/example"))
