"""What CelebA, UTKFace, FairFace and the drawn portraits offer beside gender."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_data_sets import Picture, write_images

from data import GENDER, DataError, Label, attributes, load
from data.labels import codes_of
from data.synthetic.writing import generate

NAMES = [f"{number}.jpg" for number in range(1, 9)]


def celeba(root: Path, picture: Picture, **columns: list[object]) -> Path:
    write_images(root / "img_align_celeba", picture, NAMES)
    table = pd.DataFrame({"image_id": NAMES, **columns})
    table.to_csv(root / "list_attr_celeba.csv", index=False)
    return root


def test_each_attribute_of_celeba_is_a_label(tmp_path: Path, picture: Picture) -> None:
    male, hat = [1, -1] * 4, [1, 1, 1, 1, -1, -1, -1, -1]
    root = celeba(tmp_path, picture, Male=male, Hat=hat, Bangs=male)
    dataset = load(root, label="hat")
    assert dataset.labels == (Label(name="Hat", classes=("no", "yes")),)
    assert dataset.manifest["label"].tolist() == [1] * 4 + [0] * 4
    assert attributes(dataset.manifest) == ["Male", "Bangs"]
    assert dataset.manifest["Male"].tolist() == [True, False] * 4
    assert [offer.label.name for offer in dataset.offers] == ["gender", "Hat", "Bangs"]
    assert {offer.meaning for offer in dataset.offers[1:]} == {"-1 for no, 1 for yes"}
    assert dataset.notes == load(root).notes


def test_several_of_celeba_have_a_column_each(tmp_path: Path, picture: Picture) -> None:
    male, hat = [1, -1] * 4, [1, 1, 1, 1, -1, -1, -1, -1]
    dataset = load(celeba(tmp_path, picture, Male=male, Hat=hat), label="Hat,Male")
    assert [label.name for label in dataset.labels] == ["Hat", "gender"]
    assert codes_of(dataset.manifest).T.tolist() == [[1] * 4 + [0] * 4, [1, 0] * 4]
    assert attributes(dataset.manifest) == []


def test_an_undefined_value_leaves_the_image_to_the_other_label(
    tmp_path: Path, picture: Picture
) -> None:
    hat, bangs = [1, 1, 1, -1, -1, -1, 0, 0], [1, -1, 1, -1, 1, -1, 1, 0]
    root = celeba(tmp_path, picture, Male=[1, -1] * 4, Hat=hat, Bangs=bangs)
    both = load(root, label="Hat,Bangs")
    assert codes_of(both.manifest).tolist()[-1] == [-1, 1]
    assert len(both.manifest) == 7
    assert any(note.startswith("2 images have no value of 'Hat': 2 rows") for note in both.notes)
    assert "left out: 1 images without any label" in both.notes
    alone = load(root, label="Hat")
    assert len(alone.manifest) == 6
    assert any(
        note.startswith("left out: 2 rows with 0 (2) in column 'Hat'") for note in alone.notes
    )
    assert attributes(alone.manifest) == ["Male"]  # Bangs is undefined in a row


def test_strata_are_all_classes_whatever_is_learned(tmp_path: Path, picture: Picture) -> None:
    hat = [1, 1, 1, -1, -1, -1, 0, 0]
    root = celeba(tmp_path, picture, Male=[1, -1] * 4, Hat=hat)
    strata = load(root).strata
    assert strata is not None
    assert strata.columns.tolist() == ["gender=woman", "gender=man", "Hat=no", "Hat=yes"]
    assert set(strata.dtypes) == {np.dtype(bool)}
    assert [Path(path).name for path in strata.index] == NAMES
    assert strata["Hat=no"].tolist() == [False] * 3 + [True] * 3 + [False] * 2
    for label in ("Hat", "Hat,Male"):
        assert strata.equals(load(root, label=label).strata)


def test_celeba_without_gender_offers_the_rest(tmp_path: Path, picture: Picture) -> None:
    root = celeba(tmp_path, picture, Hat=[1, -1] * 4, Bangs=[1, -1] * 4)
    with pytest.raises(DataError, match="it offers Hat, Bangs: give LABEL=Hat"):
        load(root)
    assert load(root, label="Bangs").labels[0].name == "Bangs"


AGES = (1, 12, 13, 19, 30, 41, 59, 60, 99)


def utkface(root: Path, picture: Picture) -> Path:
    for age in AGES:
        for copy in range(3):
            picture(root / f"{age}_{copy % 2}_{age % 3}_2017{copy}.jpg", 3 * age + copy)
    return root


def test_utkface_offers_age_and_origin(tmp_path: Path, picture: Picture) -> None:
    root = utkface(tmp_path, picture)
    dataset = load(root, label="age")
    years = dataset.manifest["path"].map(lambda path: int(Path(path).name.split("_")[0]))
    assert dataset.labels[0].classes == ("0-12", "13-19", "20-39", "40-59", "60+")
    expected = np.digitize(years, [13, 20, 40, 60])
    assert dataset.manifest["label"].tolist() == expected.tolist()
    assert attributes(dataset.manifest) == ["Male", "Race_Asian", "Race_Black", "Race_White"]
    race = load(root, label="race")
    assert race.labels[0].classes == ("Asian", "Black", "White")
    assert [name for name in attributes(race.manifest) if name.startswith("Race")] == []
    assert "Age_0-2" in attributes(race.manifest)
    assert [offer.label.name for offer in race.offers] == ["gender", "age", "race"]


def test_all_that_utkface_offers_can_be_learned_at_once(tmp_path: Path, picture: Picture) -> None:
    for number in range(12):
        age, gender, race = (5, 70)[number % 2], number // 2 % 2, number // 4 % 2
        picture(tmp_path / f"{age}_{gender}_{race}_{number}.jpg")
    both = load(tmp_path, label="age,race", ages="0-59,60+")
    assert attributes(both.manifest) == ["Male"]
    three = load(tmp_path, label="age,race,gender", ages="0-59,60+")
    assert [label.name for label in three.labels] == ["age", "race", "gender"]
    assert attributes(three.manifest) == []


def test_ages_in_no_group_are_left_out(tmp_path: Path, picture: Picture) -> None:
    dataset = load(utkface(tmp_path, picture), label="age", ages="13-19,20-59")
    assert len(dataset.manifest) == 15
    assert "left out: 12 images with an age in no group of AGES" in dataset.notes
    with pytest.raises(DataError, match=r"two classes at least \(100-120 0"):
        load(tmp_path, label="age", ages="0-99,100-120")


def fairface(root: Path, picture: Picture) -> Path:
    bands = ("0-2", "3-9", "10-19", "20-29", "more than 70")
    rows = [(band, copy) for band in bands for copy in range(3)]
    people = ("Female,White", "Male,East Asian", "Male,East Asian")
    lines = [f"train/{row}.jpg,{band},{people[copy]},x" for row, (band, copy) in enumerate(rows)]
    text = "\n".join(["file,age,gender,race,service_test", *lines])
    (root / "fairface_label_train.csv").write_text(text)
    write_images(root, picture, [f"train/{row}.jpg" for row in range(len(rows))])
    return root


def test_fairface_s_bands_are_put_into_groups_that_hold_them(
    tmp_path: Path, picture: Picture
) -> None:
    root = fairface(tmp_path, picture)
    dataset = load(root, label="age", ages="0-9,10-69,70+")
    assert dataset.manifest["label"].tolist() == [0] * 6 + [1] * 6 + [2] * 3
    with pytest.raises(DataError, match=r"bands 10-19 do not fit AGES=0-12,13\+: begin groups"):
        load(root, label="age", ages="0-12,13+")
    assert load(root, ages="0-12,13+").labels == (GENDER,)


def test_fairface_s_own_bands_are_learned_where_the_usual_groups_do_not_fit(
    tmp_path: Path, picture: Picture
) -> None:
    root = fairface(tmp_path, picture)
    with pytest.raises(DataError, match=r"a class has too few images.*30-39 0"):
        load(root, label="age")
    table = root / "fairface_label_train.csv"
    lines = table.read_text().splitlines()
    bands = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
    for row in range(12):
        picture(root / "train" / f"{15 + row}.jpg", row)
        lines.append(f"train/{15 + row}.jpg,{bands[4 + row // 3]},Male,White,x")
    table.write_text("\n".join(lines))
    dataset = load(root, label="age")
    assert dataset.labels[0].classes == (*bands[:-1], "70+")
    assert "age is learned in FairFace's own bands" in "\n".join(dataset.notes)
    assert load(root, label="race").labels[0].classes == ("East Asian", "White")


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("labels") / "drawn", 150, seed=3)


def test_portraits_offer_a_label_of_many_classes_and_ages(portraits: Path) -> None:
    dataset = load(portraits, label="hair_color,age,Smiling")
    hair, age, smiling = dataset.labels
    assert hair.classes == ("black", "blond", "brown", "gray")
    assert age.classes == ("0-12", "13-19", "20-39", "40-59", "60+")
    assert smiling.classes == ("no", "yes")
    codes = codes_of(dataset.manifest)
    assert (codes[:, 0] == -1).any() and (codes[:, 1:] >= 0).all()
    shows = dataset.manifest[["Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"]].to_numpy()
    assert np.where(shows.any(axis=1), shows.argmax(axis=1), -1).tolist() == codes[:, 0].tolist()
    young = (codes[:, 1] < 3).astype(bool)
    assert (dataset.manifest["Young"] >= young).all()


def test_portraits_of_an_earlier_version_get_their_labels_without_being_drawn(
    tmp_path: Path,
) -> None:
    folder = generate(tmp_path / "drawn", 30)
    labels = (folder / "labels.csv").read_text()
    (folder / "labels.csv").unlink()
    with pytest.raises(DataError, match="no label 'hair_color'; it offers"):
        load(folder, label="hair_color")
    assert load(folder).labels == (GENDER,)
    times = [path.stat().st_mtime_ns for path in sorted((folder / "img_align_celeba").iterdir())]
    generate(folder, 30)
    assert (folder / "labels.csv").read_text() == labels
    after = [path.stat().st_mtime_ns for path in sorted((folder / "img_align_celeba").iterdir())]
    assert after == times


def test_a_damaged_table_of_portraits_is_one_line(tmp_path: Path) -> None:
    folder = generate(tmp_path / "drawn", 6)
    (folder / "labels.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"labels\.csv: not a table"):
        load(folder)
