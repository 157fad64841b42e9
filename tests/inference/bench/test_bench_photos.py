import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tiny_bundles import SMILING, add_models
from typer.testing import CliRunner

from data import GENDER, Label
from inference.__main__ import app


def test_photos_are_timed_by_part_and_scored(
    models: Path, group: Image.Image, portray: Callable[..., Path], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    group.save(photos / "group.jpg")
    for name, color in (("red.png", "red"), ("blue.png", "blue")):
        portray(name, color).rename(photos / name)
    (photos / "broken.jpg").write_text("hello")
    labels = "file,faces,genders\nred.png,1,man\nblue.png,1,man\ngroup.jpg,,\n"
    (photos / "labels.csv").write_text(labels)
    out = tmp_path / "bench.json"
    arguments = ["bench", "--models", models, "--photos", photos, "--rounds", 2, "--json", out]
    result = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.stderr
    report = json.loads(out.read_text())
    assert report["score"] == {"labelled": 2, "found": 2, "right": 1, "uncertain": 0}
    rows = {row["file"]: row for row in report["rows"]}
    assert set(rows) == {"group.jpg", "red.png", "blue.png"}
    assert len(rows["group.jpg"]["answers"]) == 6
    [red] = rows["red.png"]["answers"]
    assert red["label"] == "man" and len(red["box"]) == 4
    assert all(took > 0 for row in rows.values() for took in row["milliseconds"].values())
    printed = " ".join(result.stdout.split())
    assert "found 2 of 2 labeled faces, 1 of them labeled correctly" in printed


def test_a_folder_without_photos_is_told(models: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    arguments = ["bench", "--models", str(models), "--photos", str(tmp_path / "empty")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "no photos in" in result.stderr


@pytest.mark.parametrize(("labels", "scored"), [((SMILING,), False), ((SMILING, GENDER), True)])
def test_labels_of_gender_score_only_a_model_of_gender(
    portray: Callable[..., Path], tmp_path: Path, labels: tuple[Label, ...], scored: bool
) -> None:
    """Whichever of the model's labels it is."""
    photos = tmp_path / "photos"
    photos.mkdir()
    portray("lime.png", "lime").rename(photos / "lime.png")
    (photos / "labels.csv").write_text("file,faces,genders\nlime.png,1,man\n")
    models = add_models(tmp_path, labels)
    out = tmp_path / "bench.json"
    arguments = ["bench", "--models", models, "--photos", photos, "--rounds", 1, "--json", out]
    result = CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.stderr
    report = json.loads(out.read_text())
    assert report["rows"][0]["milliseconds"]["classify"] > 0
    if scored:
        assert report["score"] == {"labelled": 1, "found": 1, "right": 1, "uncertain": 0}
        return
    assert report["score"] is None
    note = "timed only: labels.csv is of gender, which the model does not predict"
    assert report["note"] == note and note in " ".join(result.stdout.split())
