import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data import GENDER, Label
from data.labels import MISSING
from export.audit import audit, largest_gaps, write


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("pictures") / "face.png"
    Image.new("RGB", (8, 8)).save(path)
    return str(path)


def faces(picture: str, count: int = 400, images_each: int = 1) -> pd.DataFrame:
    rows = np.arange(count)
    return pd.DataFrame(
        {
            "path": picture,
            "label": rows % 2,
            "identity": pd.array([f"p{row // images_each}" for row in rows], dtype="string"),
            "split": "test",
            "Hat": rows % 8 < 2,
            "Rare": rows < 5,
        }
    )


IMAGES = np.zeros((400, 2, 2, 3), np.uint8)
ROWS = np.arange(400)


def test_the_group_that_is_decided_wrong_comes_first(picture: str) -> None:
    manifest = faces(picture)
    decisions = manifest[["label"]].to_numpy(copy=True)
    hats = np.flatnonzero(manifest["Hat"])
    decisions[hats[:20]] ^= 1  # 20 of the 100 with a hat, women and men alike
    table = audit([GENDER], manifest, IMAGES, ROWS, decisions)
    assert set(table["feature"]) == {"Hat"}  # "Rare" is too rare, brightness and size all alike
    [gap] = largest_gaps(table)
    assert (gap.feature, gap.worst, gap.best) == ("Hat", "yes", "no")
    assert gap.gap == pytest.approx(0.2) and gap.worst_accuracy == pytest.approx(0.8)
    low, high = gap.interval
    assert 0.1 < low < 0.2 < high < 0.3
    row = table.set_index("group").loc["yes"]
    assert row["women_wrong"] == pytest.approx(0.2) and row["men_wrong"] == pytest.approx(0.2)
    assert row["balanced_accuracy"] == pytest.approx(0.8)
    assert row["accuracy_low"] < 0.8 < row["accuracy_high"]


def test_images_of_one_person_count_as_one(picture: str) -> None:
    decisions = faces(picture)[["label"]].to_numpy(copy=True)
    decisions[np.arange(400) // 8 % 5 == 0] ^= 1  # whole people of 8 images
    widths = []
    for images_each in (1, 8):
        table = audit([GENDER], faces(picture, images_each=images_each), IMAGES, ROWS, decisions)
        row = table.set_index("group").loc["no"]
        widths.append(row["accuracy_high"] - row["accuracy_low"])
    assert widths[1] > 1.5 * widths[0]


def test_brightness_is_compared_by_terciles(picture: str) -> None:
    manifest = faces(picture)
    images = np.tile(np.arange(400, dtype=np.uint8)[:, None, None, None] // 2, (1, 2, 2, 3))
    images = np.minimum(images, 199)
    decisions = manifest[["label"]].to_numpy(copy=True)
    decisions[np.argsort(images.mean(axis=(1, 2, 3)), kind="stable")[:40]] ^= 1
    [first, *_] = largest_gaps(audit([GENDER], manifest, images, ROWS, decisions))
    assert (first.feature, first.worst) == ("brightness", "dark")


def test_a_group_of_men_alone_has_no_figures_of_women(picture: str) -> None:
    manifest = faces(picture).assign(Hat=lambda table: (table["label"] == 1) & (table.index < 200))
    row = (
        audit([GENDER], manifest, IMAGES, ROWS, np.ones((400, 1), int))
        .query("group == 'yes'")
        .iloc[0]
    )
    assert np.isnan(row["women_wrong"]) and np.isnan(row["women_wrong_low"])
    assert np.isnan(row["balanced_accuracy"])
    assert row["men_wrong"] == 0


def test_without_identities_each_image_is_its_own_person(picture: str) -> None:
    manifest = faces(picture).assign(identity=pd.array([pd.NA] * 400, dtype="string"))
    table = audit([GENDER], manifest, IMAGES, ROWS, np.ones((400, 1), int))
    assert (table["identities"] == table["images"]).all()


def test_nothing_to_compare_gives_an_empty_table(picture: str) -> None:
    manifest = faces(picture).drop(columns=["Hat", "Rare"])
    table = audit([GENDER], manifest, IMAGES, ROWS, np.ones((400, 1), int))
    assert table.empty and largest_gaps(table) == ()


SMILING = Label(name="Smiling", classes=("no", "yes"))
HAIR = Label(name="hair", classes=("fair", "brown", "black"))


def of_two(picture: str) -> pd.DataFrame:
    rows = np.arange(400)
    manifest = faces(picture).drop(columns="label")
    return manifest.assign(**{"label:Smiling": rows // 4 % 2, "label:hair": rows % 3})


def codes_of_two(manifest: pd.DataFrame) -> np.ndarray:
    return manifest[["label:Smiling", "label:hair"]].to_numpy(copy=True)


def test_each_label_is_audited_by_attributes_and_by_the_other_labels(picture: str) -> None:
    manifest = of_two(picture)
    decisions = codes_of_two(manifest)
    is_black = np.flatnonzero(decisions[:, 1] == 2)
    decisions[is_black[:40], 0] ^= 1
    hats = np.flatnonzero(manifest["Hat"])
    decisions[hats[:10], 1] += 1
    decisions %= [2, 3]
    table = audit([SMILING, HAIR], manifest, IMAGES, ROWS, decisions)
    assert table.groupby("label", sort=False)["feature"].unique().map(list).to_dict() == {
        "Smiling": ["hair", "Hat"],
        "hair": ["Hat", "Smiling"],
    }
    [first, second, *_] = largest_gaps(table)
    assert (first.label, first.feature, first.worst) == ("Smiling", "hair", "black")
    assert first.gap == pytest.approx(40 / 133)
    assert (second.label, second.feature, second.worst) == ("hair", "Hat", "yes")
    assert second.gap == pytest.approx(0.1)


def test_of_many_classes_accuracies_are_given_and_of_two_the_errors_on_each(picture: str) -> None:
    manifest = of_two(picture)
    decisions = codes_of_two(manifest)
    decisions[manifest["Hat"] & (decisions[:, 1] == 1), 1] = 0
    decisions[:50, 0] = 1
    table = audit([SMILING, HAIR], manifest, IMAGES, ROWS, decisions)
    of_hair = table.query("label == 'hair' and group == 'yes' and feature == 'Hat'").iloc[0]
    assert of_hair["balanced_accuracy"] == pytest.approx(2 / 3)
    assert of_hair["balanced_accuracy_low"] == of_hair["balanced_accuracy_high"]
    assert np.isnan(of_hair["no_wrong"]) and np.isnan(of_hair["answered_yes"])
    of_smiling = table.query("label == 'Smiling' and group == 'yes' and feature == 'Hat'").iloc[0]
    hats = manifest["Hat"].to_numpy()
    no = hats & (manifest["label:Smiling"] == 0).to_numpy()
    assert of_smiling["no_wrong"] == pytest.approx(decisions[no, 0].mean())
    assert of_smiling["answered_yes"] == pytest.approx(decisions[hats, 0].mean())


def test_images_that_lack_a_label_are_left_out_of_its_audit_and_of_its_groups(picture: str) -> None:
    manifest = of_two(picture)
    manifest.loc[:99, "label:Smiling"] = MISSING
    table = audit([SMILING, HAIR], manifest, IMAGES, ROWS, codes_of_two(of_two(picture)))
    images = table.groupby(["label", "feature"])["images"].sum()
    assert images["Smiling", "Hat"] == images["hair", "Smiling"] == 300
    assert images["hair", "Hat"] == 400
    assert set(table["accuracy"]) == {1.0}


def test_an_attribute_that_is_the_label_is_not_compared_with_itself(picture: str) -> None:
    manifest = faces(picture).assign(Smiling=lambda table: table["label"] == 1)
    table = audit([SMILING], manifest, IMAGES, ROWS, manifest[["label"]].to_numpy(copy=True))
    assert set(table["feature"]) == {"Hat"}


def test_data_sets_that_were_joined_are_compared(picture: str) -> None:
    manifest = faces(picture).assign(dataset=np.where(ROWS < 300, "CelebA", "UTKFace"))
    decisions = manifest[["label"]].to_numpy(copy=True)
    decisions[300:350] ^= 1
    [gap] = largest_gaps(audit([GENDER], manifest, IMAGES, ROWS, decisions), number=1)
    assert (gap.feature, gap.worst, gap.best) == ("data set", "UTKFace", "CelebA")
    assert gap.gap == pytest.approx(0.5)


def test_the_file_names_the_label_where_there_are_several(picture: str, tmp_path: Path) -> None:
    manifest = of_two(picture)
    write(audit([SMILING, HAIR], manifest, IMAGES, ROWS, codes_of_two(manifest)), tmp_path / "a")
    assert pd.read_csv(tmp_path / "a").columns[:3].tolist() == ["label", "feature", "group"]
    one = faces(picture)
    write(audit([GENDER], one, IMAGES, ROWS, one[["label"]].to_numpy(copy=True)), tmp_path / "b")
    figures = ("accuracy", "balanced_accuracy", "women_wrong", "men_wrong", "gap")
    assert set(pd.read_csv(tmp_path / "b").columns) == {
        "feature", "group", "images", "identities", "answered_man", *figures,
        *(f"{figure}_{end}" for figure in figures for end in ("low", "high")),
    }  # fmt: skip


def test_names_that_a_spreadsheet_would_run_are_text(picture: str, tmp_path: Path) -> None:
    evil = Label(name="@SUM(1)", classes=("=cmd|' /C calc'!A0", "+1"))
    manifest = of_two(picture).rename(columns={"label:Smiling": "label:@SUM(1)"})
    decisions = manifest[["label:@SUM(1)", "label:hair"]].to_numpy()
    write(audit([evil, HAIR], manifest, IMAGES, ROWS, decisions), tmp_path / "audit.csv")
    table = pd.read_csv(tmp_path / "audit.csv")
    texts = {*table["label"], *table["feature"], *table["group"]}
    assert "'@SUM(1)" in texts
    assert [text for text in texts if text[0] in "=+-@"] == ["+1"]  # a number, which runs nothing


def test_a_hundred_classes_of_many_people_take_seconds(picture: str) -> None:
    names = Label(name="name", classes=tuple(f"class {number}" for number in range(100)))
    manifest = pd.concat([faces(picture)] * 10, ignore_index=True)
    manifest["label"] = np.arange(4000) % 100
    manifest["identity"] = pd.array([f"p{row}" for row in range(4000)], dtype="string")
    images = np.zeros((4000, 2, 2, 3), np.uint8)
    started = time.monotonic()
    table = audit(
        [names], manifest, images, np.arange(4000), manifest[["label"]].to_numpy(copy=True)
    )
    assert time.monotonic() - started < 20
    assert set(table["feature"]) == {"Hat", "Rare"} and set(table["accuracy"]) == {1.0}
