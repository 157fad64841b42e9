import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import DataError, attributes, load
from data.atomic import write_text
from data.formats import unused
from data.labels import USUAL, read_labels
from data.listing import Listing
from data.manifest import read_manifest

Picture = Callable[..., Path]
NAMES = [f"{number:06d}.jpg" for number in range(1, 7)]
MALE = [1, -1, 1, -1, 1, -1]


def celeba_csv(root: Path, names: list[str] = NAMES) -> None:
    root.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"image_id": names, "Eyeglasses": 1, "Male": MALE[: len(names)]})
    table.to_csv(root / "list_attr_celeba.csv", index=False)


def celeba_txt(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{n}  1 {m:2d}\r\n" for n, m in zip(NAMES, MALE, strict=True))
    (root / "list_attr_celeba.txt").write_text(f"{len(NAMES)}\r\nEyeglasses Male \r\n{rows}")


def identities(path: Path) -> None:
    path.write_text("".join(f"{name} {2880 + i // 2}\n" for i, name in enumerate(NAMES)))


def partition(path: Path, parts: list[int], header: bool = True) -> None:
    lines = [f"{name},{part}" for name, part in zip(NAMES, parts, strict=False)]
    text = "\n".join(["image_id,partition", *lines] if header else lines)
    path.write_text(text if path.suffix == ".csv" else text.replace(",", " "))


def images(folder: Path, picture: Picture, names: list[str] = NAMES) -> None:
    for seed, name in enumerate(names):
        picture(folder / name, seed)


@pytest.mark.parametrize("write_table", [celeba_csv, celeba_txt])
@pytest.mark.parametrize("nested", ["img_align_celeba", "img_align_celeba/img_align_celeba"])
def test_celeba_tables_and_folders(
    tmp_path: Path, picture: Picture, write_table: Callable[[Path], None], nested: str
) -> None:
    root = tmp_path / "celeba"
    write_table(root)
    identities(root / "identity_CelebA.txt")
    images(root / nested, picture)
    for path in (root, tmp_path, root / nested, next(root.glob("list_attr*"))):
        dataset = load(path)
        assert dataset.name == "CelebA" and not dataset.synthetic
        assert dataset.root == root
        assert dataset.manifest["label"].tolist() == [1, 0, 1, 0, 1, 0]
        assert dataset.manifest["label"].dtype == "int8"
        assert dataset.manifest["identity"].tolist() == [str(2880 + i // 2) for i in range(6)]
        assert attributes(dataset.manifest) == ["Eyeglasses"]
        assert dataset.manifest["Eyeglasses"].all()
        assert all(Path(path).is_file() for path in dataset.manifest["path"])


def test_celeba_as_first_published(tmp_path: Path, picture: Picture) -> None:
    for folder in ("Anno", "Eval"):
        (tmp_path / folder).mkdir()
    celeba_txt(tmp_path / "Anno")
    partition(tmp_path / "Eval" / "list_eval_partition.txt", [0, 0, 1, 1, 2, 2], header=False)
    images(tmp_path / "Img" / "img_align_celeba", picture)
    dataset = load(tmp_path)
    assert dataset.manifest["split"].tolist() == ["train", "train", "val", "val", "test", "test"]
    assert dataset.manifest["identity"].isna().all()
    assert any("identity_CelebA" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("parts", "reason"), [([0] * 6, "only train"), ([0, 0, 1, 1, 2], "leaves out 1 of 6")]
)
def test_celeba_partial_partition_is_not_used(
    tmp_path: Path, picture: Picture, parts: list[int], reason: str
) -> None:
    celeba_csv(tmp_path)
    partition(tmp_path / "list_eval_partition.csv", parts)
    images(tmp_path / "img_align_celeba", picture)
    dataset = load(tmp_path)
    assert dataset.manifest["split"].isna().all()
    assert any(reason in note for note in dataset.notes)


def test_celeba_rows_without_image_and_images_without_row(tmp_path: Path, picture: Picture) -> None:
    celeba_csv(tmp_path)
    images(tmp_path / "img_align_celeba", picture, [*NAMES[1:4], "999999.jpg"])
    dataset = load(tmp_path)
    assert [Path(path).name for path in dataset.manifest["path"]] == NAMES[1:4]
    assert dataset.manifest.index.tolist() == [0, 1, 2]
    assert any(note.startswith("3 rows") for note in dataset.notes)
    assert any(note.startswith("1 images") for note in dataset.notes)


def test_celeba_without_images_or_label(tmp_path: Path, picture: Picture) -> None:
    celeba_csv(tmp_path)
    with pytest.raises(DataError, match="no images in img_align_celeba"):
        load(tmp_path)
    images(tmp_path / "img_align_celeba", picture)
    (tmp_path / "list_attr_celeba.csv").write_text("image_id,Smiling\n000001.jpg,1\n")
    with pytest.raises(DataError, match="no column 'Male'; its columns: Smiling"):
        load(tmp_path)
    (tmp_path / "list_attr_celeba.csv").write_text("image_id,Male\n000001.jpg,yes\n")
    with pytest.raises(DataError, match="must be 1 or -1"):
        load(tmp_path)


def test_marker_makes_it_synthetic(tmp_path: Path, picture: Picture) -> None:
    celeba_csv(tmp_path)
    images(tmp_path / "img_align_celeba", picture)
    (tmp_path / "synthetic.json").write_text(json.dumps({}))
    dataset = load(tmp_path)
    assert dataset.synthetic
    assert "not people" in dataset.notes[0]


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
    images(tmp_path, picture, ["a.jpg", "b.jpg"])
    (tmp_path / "labels.csv").write_text("\ufeffimage,male\na.jpg,1\nb.jpg,-1\n", encoding="utf-8")
    assert load(tmp_path).manifest["label"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,age\na.jpg,3\n", r"no label column .*its columns: file, age"),
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
    images(tmp_path, picture, ["a.jpg", "b.jpg"])
    (tmp_path / "faces.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path / "faces.csv")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_utkface(tmp_path: Path, picture: Picture) -> None:
    names = ["25_0_3_20170104.jpg", "3_1_0_2017.jpg.chip.jpg", "61_1_20170109.jpg"]
    for name in names:
        picture(tmp_path / "part1" / name)
    dataset = load(tmp_path)
    assert dataset.name == "UTKFace"
    manifest = dataset.manifest.set_index(dataset.manifest["path"].map(lambda p: Path(p).name))
    assert manifest["label"].to_dict() == {names[0]: 1, names[1]: 0}  # 0 is male there.
    assert manifest.loc[names[0], ["Age_20-29", "Race_Indian"]].all()
    assert manifest.loc[names[1], ["Age_3-9", "Race_White"]].all()
    assert dataset.notes == ("1 images have no complete UTKFace name: in part1 (1)",)


@pytest.mark.parametrize("folder", ["", "fairface-img-margin025-trainval"])
def test_fairface(tmp_path: Path, picture: Picture, folder: str) -> None:
    header = "file,age,gender,race,service_test\n"
    rows = "train/1.jpg,50-59,Male,East Asian,True\ntrain/2.jpg,more than 70,Female,White,False\n"
    (tmp_path / "fairface_label_train.csv").write_text(header + rows)
    (tmp_path / "fairface_label_val.csv").write_text(header + "val/1.jpg,3-9,Male,Black,True\n")
    images(tmp_path / folder, picture, ["train/1.jpg", "train/2.jpg"])
    dataset = load(tmp_path)
    assert dataset.name == "FairFace"
    assert dataset.manifest["label"].tolist() == [1, 0]
    assert dataset.manifest["Race_East_Asian"].tolist() == [True, False]
    assert dataset.manifest["Age_70+"].tolist() == [False, True]
    assert dataset.notes[0].startswith("1 rows")
    assert dataset.manifest["split"].isna().all()


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        load(tmp_path / "missing")
    with pytest.raises(DataError, match="the folder is empty"):
        load(tmp_path)
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(DataError, match=r"no data set recognized.*CelebA.*FairFace.*UTKFace.*CSV"):
        load(tmp_path)
    (tmp_path / "man").mkdir()
    with pytest.raises(DataError, match="the data set is empty"):
        load(tmp_path)


def table_of(folder: Path, picture: Picture, column: str, labels: dict[str, object]) -> Path:
    """A table of images that are there."""
    images(folder, picture, list(labels))
    rows = "".join(f"{name},{label}\n" for name, label in labels.items())
    (folder / "faces.csv").write_text(f"file,{column}\n{rows}")
    return folder / "faces.csv"


def read(path: Path, labels: str = "") -> tuple[dict[str, int], str]:
    """Labels by file name, and the notes in one text."""
    dataset = load(path, labels)
    names = dataset.manifest["path"].map(lambda path: Path(path).name)
    found = dict(zip(names, dataset.manifest["label"].tolist(), strict=True))
    return found, "\n".join(dataset.notes)


def test_zero_beside_minus_one_is_undefined(tmp_path: Path, picture: Picture) -> None:
    """As MAAD-Face has it: 1 yes, 0 undefined, -1 no."""
    table = table_of(tmp_path, picture, "Male,Young", {"a.jpg": "1,1", "b.jpg": "0,1",
        "c.jpg": "-1,0", "d.jpg": "0,-1"})  # fmt: skip
    found, notes = read(table)
    assert found == {"a.jpg": 1, "c.jpg": 0}
    assert "left out: 2 rows with 0 (2) in column 'Male': undefined" in notes
    assert "-1 for woman, 1 for man is assumed" in notes
    assert "Young" in notes and attributes(load(table).manifest) == []
    assert read(table, "0=man,1=woman")[0] == {"a.jpg": 0, "b.jpg": 1, "d.jpg": 1}
    (tmp_path / "c.jpg").unlink()  # The -1 stands in the table still.
    with pytest.raises(DataError, match="all 1 images are labeled 'man'"):
        load(table)


def test_undefined_attributes_and_labels_in_celebas_layout(
    tmp_path: Path, picture: Picture
) -> None:
    images(tmp_path / "img_align_celeba", picture)
    lines = ["image_id,Hat,Smiling,Male", *(f"{n},{h},1,{m}" for n, h, m in zip(
        NAMES, [1, 0, -1, 1, 1, 1], [1, -1, 0, 1, -1, ""], strict=True))]  # fmt: skip
    (tmp_path / "list_attr_celeba.csv").write_text("\n".join([*lines, lines[1]]))
    found, notes = read(tmp_path)
    assert list(found.values()) == [1, 0, 1, 0]
    assert attributes(load(tmp_path).manifest) == ["Smiling"]
    for note in ("0 (1) in column 'Male': undefined", "Hat", "1 rows of the attribute table are "
                 "incomplete", "1 rows of the attribute table repeat"):  # fmt: skip
        assert note in notes


@pytest.mark.parametrize(
    ("column", "words"), [("gender", (0, 1)), ("sex", (-1, 1)), ("male", ("false", "true"))]
)
def test_what_numbers_are_taken_for_is_said_and_can_be_turned(
    tmp_path: Path, picture: Picture, column: str, words: tuple[object, object]
) -> None:
    low, high = words
    table = table_of(tmp_path, picture, column, {"a.jpg": low, "b.jpg": high})
    found, notes = read(table)
    assert found == {"a.jpg": 0, "b.jpg": 1}
    other = f"{low}=man,{high}=woman"
    assert f"{low} for woman, {high} for man is assumed" in notes and f"LABELS={other}" in notes
    found, notes = read(table, other)
    assert found == {"a.jpg": 1, "b.jpg": 0}
    assert f"LABELS takes {low} for man, {high} for woman" in notes


def test_tables_that_are_not_read_are_told(tmp_path: Path, picture: Picture) -> None:
    table_of(tmp_path, picture, "sex", {"a.jpg": "f", "b.jpg": "m"})
    shutil.copy(tmp_path / "faces.csv", tmp_path / "older.csv")
    with pytest.raises(DataError, match=r"several tables, faces\.csv, older\.csv: name one"):
        load(tmp_path)
    for name in ("man", "woman"):
        picture(tmp_path / name / "x.png")
    assert "faces.csv, older.csv: not read" in read(tmp_path)[1]


def test_words_need_no_remark(tmp_path: Path, picture: Picture) -> None:
    assert read(table_of(tmp_path, picture, "sex", {"a.jpg": "f", "b.jpg": "m"}))[1] == ""


UTKFACE = {"25_0_3_20170104.jpg.chip.jpg": 0, "3_1_0_2017.jpg": 1, "40_0_0_2018.jpg.chip.jpg": 0}


def test_a_table_that_utkfaces_names_contradict_is_an_error(
    tmp_path: Path, picture: Picture
) -> None:
    table = table_of(tmp_path, picture, "gender", UTKFACE)
    with pytest.raises(DataError, match=r"3 of 3 names .*LABELS=0=man,1=woman") as caught:
        load(table)
    assert "\n" not in str(caught.value)
    assert list(read(table, "0=man,1=woman")[0].values()) == [1, 0, 1]
    kept, notes = read(table, "0=woman,1=man")
    assert list(kept.values()) == [0, 1, 0]
    assert "3 of 3 names that tell a label tell another one" in notes
    assert "faces.csv: not read" in read(tmp_path)[1]


def test_single_names_that_contradict_are_told(tmp_path: Path, picture: Picture) -> None:
    labels = {**{name: "fm"[1 - gender] for name, gender in UTKFACE.items()}, "9_1_1_2.jpg": "m"}
    assert "1 of 4 names" in read(table_of(tmp_path, picture, "gender", labels))[1]


def test_folders_named_as_a_label_contradict_a_table(tmp_path: Path, picture: Picture) -> None:
    labels: dict[str, object] = {"male/a.jpg": 0, "male/b.jpg": 0, "female/a.jpg": 1}
    table = table_of(tmp_path, picture, "gender", labels)
    with pytest.raises(DataError, match="3 of 3 names"):
        load(table)


@pytest.mark.parametrize(
    "labels", ["0", "0=man", "0=man,1=man", "0=man,0=woman", "0=boy,1=woman", "0=man=x,1=woman"]
)
def test_a_wrong_reading_is_an_error(tmp_path: Path, labels: str) -> None:
    with pytest.raises(DataError, match=f"LABELS={labels}: .*LABELS=0=man,1=woman"):
        load(tmp_path, labels)


def test_formats_that_define_their_labels_take_no_reading(tmp_path: Path, picture: Picture) -> None:
    celeba_csv(tmp_path)
    images(tmp_path / "img_align_celeba", picture)
    with pytest.raises(DataError, match="leave LABELS out"):
        load(tmp_path, "0=man,1=woman")


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
    notes = read(tmp_path, "3=woman,7=man")[1]
    assert len(load(tmp_path, "3=woman,7=man").manifest) == 6
    assert "24 images are left out, in no folder of a class: in 0 (3), 1 (3)" in notes


def test_a_folder_0_beside_minus_one_is_undefined(tmp_path: Path, picture: Picture) -> None:
    for folder in ("-1", "0", "1"):
        picture(tmp_path / folder / f"{folder}.png")
    found, notes = read(tmp_path)
    assert found == {"-1.png": 0, "1.png": 1}
    assert "in no folder of a class: in 0 (1)" in notes


def test_classes_of_any_name_are_read_as_told(tmp_path: Path, picture: Picture) -> None:
    for folder in ("Damen", "Herren", "Hunde"):
        picture(tmp_path / folder / f"{folder}.png")
    found, notes = read(tmp_path, "damen=woman,herren=man")
    assert found == {"Damen.png": 0, "Herren.png": 1}
    assert "in Hunde (1)" in notes


def test_nothing_that_is_not_used_goes_unmentioned(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("man/a.png", "woman/b.png", "child/c.png", "d.png"):
        picture(tmp_path / place)
    for name in ("IMG_1.NEF", "IMG_2.nef", "raw.DNG"):
        (tmp_path / "man" / name).write_bytes(b"camera")
    closed = tmp_path / "man" / "closed"
    closed.mkdir()
    scandir = os.scandir

    def refuse(folder: str | Path) -> object:
        if str(folder) == str(closed):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    notes = read(tmp_path)[1]
    assert "2 images are left out, in no folder of a class: in child (1), . (1)" in notes
    assert "3 pictures of kinds that are not read: 2 .nef (convert them" in notes
    assert f"1 folders cannot be opened: {closed}: Permission denied" in notes


def test_the_package_that_reads_a_phones_pictures_is_named(tmp_path: Path) -> None:
    listing = Listing(other_kinds=Counter(heic=2, dng=1))
    (note,) = unused.unused(tmp_path, listing, [], "have no row")
    assert ".heic (install the package pillow-heif" in note and ".dng (convert them" in note


def test_links_are_followed_once_and_never_into_another_class(
    tmp_path: Path, picture: Picture
) -> None:
    faces, elsewhere = tmp_path / "faces", tmp_path / "elsewhere"
    for name in ("man", "woman"):
        for i in range(3):
            picture(faces / name / f"{i}.png", i)
    picture(elsewhere / "linked.png")
    for hidden in (".thumbs", "@eaDir", "#recycle"):
        picture(faces / "man" / hidden / "small.png")
    (faces / "man" / "up").symlink_to(faces)
    (faces / "woman" / "more").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(elsewhere)
    rows = load(faces).manifest
    assert {"/".join(Path(path).parts[-2:]): label for path, label in
            zip(rows["path"], rows["label"], strict=True)} == {
        "man/0.png": 1, "man/1.png": 1, "man/2.png": 1,
        "woman/0.png": 0, "woman/1.png": 0, "woman/2.png": 0, "more/linked.png": 0,
    }  # fmt: skip


def test_images_without_row_are_told_by_place_whatever_link_leads_there(
    tmp_path: Path, picture: Picture
) -> None:
    real = tmp_path / "real"
    images(real, picture, ["a.jpg", "b.jpg", "c.jpg"])
    (tmp_path / "way").symlink_to(real)
    (tmp_path / "t.csv").write_text("file,sex\nway/a.jpg,f\nway/b.jpg,m\n")
    assert load(tmp_path).notes == ("1 images have no row in the table: in real (1)",)


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


@given(st.lists(st.sampled_from("abcdef"), max_size=6), st.sets(st.sampled_from("abcdef")))
def test_unused_is_what_is_listed_and_not_used(there: list[str], used: set[str]) -> None:
    listing = Listing(images=[f"/no/such/{name}.png" for name in there])
    paths = [f"/no/such/{name}.png" for name in used]
    extra = unused.unused_images(listing, paths)
    assert extra == [path for path in listing.images if path not in paths]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (0, ["0", 0, 0.0, -1, "-1.0", "f", "FEMALE", " woman", "Women", False]),
        (1, ["1", 1, 1.0, "M", "male", "man ", "MEN", True]),
        (None, ["", "2", "person", 0.5, float("nan"), "10"]),
    ],
)
def test_label_words(label: int | None, words: list[object]) -> None:
    assert [USUAL.label(word) for word in words] == [label] * len(words)


@given(st.text(max_size=12))
def test_any_word_is_a_label_or_a_named_error(word: str) -> None:
    column = pd.Series([word], name="sex", dtype=object)
    if USUAL.label(word) is None:
        with pytest.raises(DataError, match=r"table: column 'sex'"):
            read_labels(column, "table")
    else:
        assert read_labels(column, "table").labels.tolist() == [USUAL.label(word)]


@given(st.lists(st.sampled_from(["m", "F", "woman", "Male"]), min_size=1, max_size=20))
def test_a_column_is_read_row_by_row(words: list[str]) -> None:
    column = pd.Series(words, index=range(5, 5 + len(words)), name="label")
    parsed = read_labels(column, "table").labels
    assert parsed.to_dict() == {row: USUAL.label(word) for row, word in column.items()}
