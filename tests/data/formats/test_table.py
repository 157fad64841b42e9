import os
from pathlib import Path

import pandas as pd
import pytest
from small_data_sets import Picture, labels_and_notes, table_of, write_images

from data import DataError, attributes, load
from data.atomic import write_text
from data.manifest import read_manifest


def test_table_with_everything(tmp_path: Path, picture: Picture) -> None:
    for name in "abc":
        picture(tmp_path / "faces" / f"{name}.png")
    picture(tmp_path / "elsewhere.png")
    table = pd.DataFrame(
        {
            "File": ["faces/a.png", "faces/b.png", str(tmp_path / "elsewhere.png"), "faces/no.png"],
            "Gender": ["F", "m", "Female", "male"],
            "identity": [7, 8, None, 9],
            "split": ["train", "validation", "test", "test"],
            "Glasses": [True, False, True, True],
            "smiles": [-1, 1, 1, 1],
            "age": [20, 30, 40, 50],
        }
    )
    table.to_csv(tmp_path / "faces.csv", index=False, sep=";")
    table.to_parquet(tmp_path / "faces.parquet")
    for name in ("faces.csv", "faces.parquet"):
        dataset = load(tmp_path / name)
        manifest = dataset.manifest
        assert manifest["label"].tolist() == [0, 1, 0]
        assert manifest["identity"].fillna("none").tolist() == ["7", "8", "none"]
        assert manifest["split"].tolist() == ["train", "val", "test"]
        assert attributes(manifest) == ["Glasses", "smiles"]
        assert manifest["smiles"].tolist() == [False, True, True]
        assert dataset.notes == (
            "1 rows of the table have no image here",
            "1 images have no row in the table: in faces (1)",
        )


def test_folder_with_one_table(tmp_path: Path, picture: Picture) -> None:
    write_images(tmp_path, picture, ["a.jpg", "b.jpg"])
    (tmp_path / "labels.csv").write_text("\ufeffimage,male\na.jpg,1\nb.jpg,-1\n", encoding="utf-8")
    assert load(tmp_path).manifest["label"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\na.jpg\n", r"no label column .*its columns: file"),
        ("face,gender\na.jpg,m\n", r"no path column .*its columns: face, gender"),
        ("file,gender\na.jpg,x\nb.jpg,f\n", r"column 'gender' holds 'x'"),
        ("file,gender\nz.jpg,m\n", r"none of its 1 images is there: .*z\.jpg"),
        ("file,gender\n", r"the data set is empty"),
        ("", r"the data set is empty"),
        ("file,gender\na.jpg,m\nb.jpg,m\n", r"all 2 images are labeled 'man'.*add some .*'woman'"),
        ("file,gender,split\na.jpg,m,dev\nb.jpg,f,train\n", r"split holds 'dev'"),
    ],
)
def test_wrong_tables(tmp_path: Path, picture: Picture, text: str, message: str) -> None:
    write_images(tmp_path, picture, ["a.jpg", "b.jpg"])
    (tmp_path / "faces.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path / "faces.csv")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_zero_beside_minus_one_is_undefined(tmp_path: Path, picture: Picture) -> None:
    """As MAAD-Face has it: 1 yes, 0 undefined, -1 no."""
    table = table_of(tmp_path, picture, "Male,Young", {"a.jpg": "1,1", "b.jpg": "0,1",
        "c.jpg": "-1,0", "d.jpg": "0,-1"})  # fmt: skip
    found, notes = labels_and_notes(table)
    assert found == {"a.jpg": 1, "c.jpg": 0}
    assert "left out: 2 rows with 0 (2) in column 'Male': undefined" in notes
    assert "-1 for woman, 1 for man is assumed" in notes
    assert "Young" in notes and attributes(load(table).manifest) == []
    assert labels_and_notes(table, "0=man,1=woman")[0] == {"a.jpg": 0, "b.jpg": 1, "d.jpg": 1}
    (tmp_path / "c.jpg").unlink()  # The -1 stands in the table still.
    with pytest.raises(DataError, match="all 1 images are labeled 'man'"):
        load(table)


def test_names_that_are_not_utf8_are_read(tmp_path: Path, picture: Picture) -> None:
    for folder, name in (("man", b"caf\xe9.png"), ("woman", b"b.png")):
        picture(tmp_path / folder / "x.png").rename(tmp_path / folder / os.fsdecode(name))
    manifest = load(tmp_path).manifest
    assert sorted(os.fsencode(Path(path).name) for path in manifest["path"]) == [
        b"b.png", b"caf\xe9.png",
    ]  # fmt: skip
    table = tmp_path / "manifest.csv"
    write_text(table, manifest.to_csv(index=False))
    assert read_manifest(table)["path"].tolist() == manifest["path"].tolist()
