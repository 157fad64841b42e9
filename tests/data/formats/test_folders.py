import shutil
from pathlib import Path

import pytest
from small_data_sets import Picture, labels_and_notes, table_of

from data import DataError, load


@pytest.mark.parametrize(
    ("woman", "man"), [("woman", "man"), ("Women", "MEN"), ("female", "Male"), ("0", "1")]
)
def test_folder_per_class(tmp_path: Path, picture: Picture, woman: str, man: str) -> None:
    picture(tmp_path / woman / "deeper" / "a.jpg")
    picture(tmp_path / man / "b.PNG")
    (tmp_path / man / "notes.txt").write_text("no image")
    picture(tmp_path / man / "._b.png")
    dataset = load(tmp_path)
    assert dataset.name == "folder per class"
    labels = dict(zip(dataset.manifest["path"], dataset.manifest["label"], strict=True))
    assert labels == {str(tmp_path / woman / "deeper/a.jpg"): 0, str(tmp_path / man / "b.PNG"): 1}
    assert dataset.manifest["split"].isna().all()


def test_folder_per_class_under_parts(tmp_path: Path, picture: Picture) -> None:
    for part in ("Train", "valid", "test"):
        for name in ("man", "woman"):
            picture(tmp_path / part / name / "a.jpg")
    parts = load(tmp_path).manifest.groupby("split")["label"].sum()
    assert parts.to_dict() == {"train": 1, "val": 1, "test": 1}
    shutil.rmtree(tmp_path / "test")
    dataset = load(tmp_path)
    assert dataset.manifest["split"].isna().all()
    assert any("only train, val" in note for note in dataset.notes)


def test_tables_that_are_not_read_are_told(tmp_path: Path, picture: Picture) -> None:
    table_of(tmp_path, picture, "sex", {"a.jpg": "f", "b.jpg": "m"})
    shutil.copy(tmp_path / "faces.csv", tmp_path / "older.csv")
    with pytest.raises(DataError, match=r"several tables, faces\.csv, older\.csv: name one"):
        load(tmp_path)
    for name in ("man", "woman"):
        picture(tmp_path / name / "x.png")
    assert "faces.csv, older.csv: not read" in labels_and_notes(tmp_path)[1]


def test_words_need_no_remark(tmp_path: Path, picture: Picture) -> None:
    assert (
        labels_and_notes(table_of(tmp_path, picture, "sex", {"a.jpg": "f", "b.jpg": "m"}))[1] == ""
    )


def ten_folders(root: Path, picture: Picture) -> None:
    for folder in range(10):
        for seed in range(3):
            picture(root / str(folder) / f"{seed}.png", 10 * folder + seed)


def test_more_in_other_folders_than_in_classes_is_an_error(
    tmp_path: Path, picture: Picture
) -> None:
    ten_folders(tmp_path, picture)
    with pytest.raises(DataError, match=r"24 images are in no .* 6 are: 2 \(3\), .* 3 others"):
        load(tmp_path)
    notes = labels_and_notes(tmp_path, "3=woman,7=man")[1]
    assert len(load(tmp_path, "3=woman,7=man").manifest) == 6
    assert "24 images are left out, in no folder of a class: in 0 (3), 1 (3)" in notes


def test_a_folder_0_beside_minus_one_is_undefined(tmp_path: Path, picture: Picture) -> None:
    for folder in ("-1", "0", "1"):
        picture(tmp_path / folder / f"{folder}.png")
    found, notes = labels_and_notes(tmp_path)
    assert found == {"-1.png": 0, "1.png": 1}
    assert "in no folder of a class: in 0 (1)" in notes


def test_classes_of_any_name_are_read_as_told(tmp_path: Path, picture: Picture) -> None:
    for folder in ("Damen", "Herren", "Hunde"):
        picture(tmp_path / folder / f"{folder}.png")
    found, notes = labels_and_notes(tmp_path, "damen=woman,herren=man")
    assert found == {"Damen.png": 0, "Herren.png": 1}
    assert "in Hunde (1)" in notes
