import numpy as np
import pandas as pd
import pytest
from PIL import Image

from export.audit import audit, largest_gaps


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
    decisions = manifest["label"].to_numpy() == 1
    hats = np.flatnonzero(manifest["Hat"])
    decisions[hats[:20]] ^= True  # 20 of the 100 with a hat, women and men alike
    table = audit(manifest, IMAGES, ROWS, decisions)
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
    decisions = faces(picture)["label"].to_numpy() == 1
    decisions[np.arange(400) // 8 % 5 == 0] ^= True  # whole people of 8 images
    widths = []
    for images_each in (1, 8):
        table = audit(faces(picture, images_each=images_each), IMAGES, ROWS, decisions)
        row = table.set_index("group").loc["no"]
        widths.append(row["accuracy_high"] - row["accuracy_low"])
    assert widths[1] > 1.5 * widths[0]


def test_brightness_is_compared_by_terciles(picture: str) -> None:
    manifest = faces(picture)
    images = np.tile(np.arange(400, dtype=np.uint8)[:, None, None, None] // 2, (1, 2, 2, 3))
    images = np.minimum(images, 199)
    decisions = manifest["label"].to_numpy() == 1
    decisions[np.argsort(images.mean(axis=(1, 2, 3)), kind="stable")[:40]] ^= True
    [first, *_] = largest_gaps(audit(manifest, images, ROWS, decisions))
    assert (first.feature, first.worst) == ("brightness", "dark")


def test_a_group_of_men_alone_has_no_figures_of_women(picture: str) -> None:
    manifest = faces(picture).assign(Hat=lambda table: (table["label"] == 1) & (table.index < 200))
    row = audit(manifest, IMAGES, ROWS, np.ones(400, bool)).query("group == 'yes'").iloc[0]
    assert np.isnan(row["women_wrong"]) and np.isnan(row["women_wrong_low"])
    assert np.isnan(row["balanced_accuracy"])
    assert row["men_wrong"] == 0


def test_without_identities_each_image_is_its_own_person(picture: str) -> None:
    manifest = faces(picture).assign(identity=pd.array([pd.NA] * 400, dtype="string"))
    table = audit(manifest, IMAGES, ROWS, np.ones(400, bool))
    assert (table["identities"] == table["images"]).all()


def test_nothing_to_compare_gives_an_empty_table(picture: str) -> None:
    manifest = faces(picture).drop(columns=["Hat", "Rare"])
    table = audit(manifest, IMAGES, ROWS, np.ones(400, bool))
    assert table.empty and largest_gaps(table) == ()
