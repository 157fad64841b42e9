from pathlib import Path

import pytest
from small_data_sets import Picture, write_images

from data import load


@pytest.mark.parametrize("folder", ["", "fairface-img-margin025-trainval"])
def test_fairface(tmp_path: Path, picture: Picture, folder: str) -> None:
    header = "file,age,gender,race,service_test\n"
    rows = "train/1.jpg,50-59,Male,East Asian,True\ntrain/2.jpg,more than 70,Female,White,False\n"
    (tmp_path / "fairface_label_train.csv").write_text(header + rows)
    (tmp_path / "fairface_label_val.csv").write_text(header + "val/1.jpg,3-9,Male,Black,True\n")
    write_images(tmp_path / folder, picture, ["train/1.jpg", "train/2.jpg"])
    dataset = load(tmp_path)
    assert dataset.name == "FairFace"
    assert dataset.manifest["label"].tolist() == [1, 0]
    assert dataset.manifest["Race_East_Asian"].tolist() == [True, False]
    assert dataset.manifest["Age_70+"].tolist() == [False, True]
    assert dataset.notes[0].startswith("1 rows")
    assert dataset.manifest["split"].isna().all()
