import json
from pathlib import Path

from small_data_sets import Picture, celeba_csv, write_images

from data import load


def test_marker_makes_it_synthetic(tmp_path: Path, picture: Picture) -> None:
    celeba_csv(tmp_path)
    write_images(tmp_path / "img_align_celeba", picture)
    (tmp_path / "synthetic.json").write_text(json.dumps({}))
    dataset = load(tmp_path)
    assert dataset.synthetic
    assert "pipeline works" in dataset.notes[0]
