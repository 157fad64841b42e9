"""The examples run, with the tools themselves, on drawn portraits."""

import json
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from data.atomic import read_json
from export import quantize, speed

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the training example leaves; its export tries one INT8 recipe and no fresh processes."""
    folder = tmp_path_factory.mktemp("example") / "artifacts"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "_fresh", lambda *_: {"cold_start_s": 1.0, "peak_mb": 1.0})
        patch.setattr(quantize, "RECIPES", quantize.RECIPES[:1])
        runpy.run_path(str(EXAMPLES / "train_on_drawn_portraits.py"))["main"](folder)
    return folder


def test_the_training_example_makes_a_run_and_a_bundle(artifacts: Path) -> None:
    run = artifacts / "runs" / "example"
    assert (run / "report.html").is_file()
    assert len(pd.read_csv(run / "leaderboard.csv")) > 1
    own = version("face-classifier-tuner")
    for file in (run / "config.json", artifacts / "models" / "googlenet" / "bundle.json"):
        assert read_json(file)["versions"]["face-classifier-tuner"] == own


def test_the_folder_example_writes_a_row_a_face(artifacts: Path, tmp_path: Path) -> None:
    from inference.demo.example_pictures import draw_examples

    photos, table = tmp_path / "photos", tmp_path / "faces.csv"
    photos.mkdir()
    draw_examples(photos)
    (photos / "portraits" / "broken.jpg").write_text("no picture")
    script = EXAMPLES / "classify_folder.py"
    command = [sys.executable, script, photos, table, "--models", artifacts / "models"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "broken.jpg: not an image" in done.stdout
    rows = pd.read_csv(table)
    assert (rows["photo"].str.endswith("group.jpg")).sum() == 5
    assert set(rows["label"]) <= {"woman", "man", "uncertain"}
    assert rows["p_man"].between(0, 1).all()


def test_every_cell_of_the_notebook_runs() -> None:
    notebook = json.loads((EXAMPLES / "look_at_a_data_set.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for cell in cells:
        exec(cell, names)
    assert names["store"].images.shape == (120, 64, 64, 3)  # type: ignore[attr-defined]
