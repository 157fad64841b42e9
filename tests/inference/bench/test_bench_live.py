import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from inference.__main__ import app
from inference.bench.live import PARTS, bench_live
from inference.classifier import Classifier
from inference.errors import PhotosError
from inference.live.frames import finder_of_frames


def test_drawn_frames_are_timed_by_part(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "live.json"
    arguments = ["bench", "--live", "--rounds", "2", "--models", str(models), "--json", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    rows = json.loads(out.read_text())["rows"]
    assert [row["faces"] for row in rows] == [0, 1, 2, 6]
    assert all(set(row["milliseconds"]) == set(PARTS) for row in rows)
    assert all(row["frames_a_second"] > 0 for row in rows)


def test_given_frames_are_timed(models: Path, group: Image.Image, tmp_path: Path) -> None:
    classifier = Classifier.load(models, finder=finder_of_frames(1))
    (tmp_path / "frames").mkdir()
    with pytest.raises(PhotosError, match="no photos in"):
        bench_live(classifier, tmp_path / "frames", 1)
    group.save(tmp_path / "frames" / "group.png")
    [row] = bench_live(classifier, tmp_path / "frames", 1).rows
    assert (row.frames, row.faces) == ("group.png", 6)
