from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import GENDER, Label
from tuning.suspects.out_of_fold import asked, keep_predictions, read_predictions

HAIR = Label(name="hair", classes=("fair", "brown", "black"))
RNG = np.random.default_rng(0)


def some(rows: int, classes: int) -> np.ndarray:
    p = RNG.random((rows, classes))
    return p / p.sum(axis=1, keepdims=True)


def test_classes_of_too_few_people_are_not_asked_about() -> None:
    codes = np.array([0] * 30 + [1] * 30 + [2] * 6)
    people = np.arange(66)
    people[60:] = [60, 60, 60, 61, 61, 61]
    p = asked([HAIR], codes[:, None], people, some(66, 3))
    assert np.isnan(p[60:]).all()
    assert np.isnan(p[:, 2]).all()
    assert p[:60, :2].sum(axis=1) == pytest.approx(np.ones(60))


def test_three_people_of_a_class_are_enough() -> None:
    codes = np.array([0] * 20 + [1] * 3)
    p = some(23, 2)
    assert asked([GENDER], codes[:, None], np.arange(23), p) == pytest.approx(p)


@pytest.mark.parametrize("codes", [[0] * 20, [-1] * 20, [0] * 18 + [1] * 2])
def test_one_class_alone_cannot_be_doubted(codes: list[int]) -> None:
    p = asked([GENDER], np.array(codes)[:, None], np.arange(20), some(20, 2))
    assert np.isnan(p).all()


def test_missing_codes_of_one_label_leave_the_image_to_the_others() -> None:
    hair, gender = RNG.integers(0, 3, 90), RNG.integers(0, 2, 90)
    codes = np.stack([hair, np.where(np.arange(90) < 30, -1, gender)], axis=1)
    given = np.hstack([some(90, 3), some(90, 2)])
    given[:30, 3:] = np.nan
    p = asked([HAIR, GENDER], codes, np.arange(90), given)
    assert np.isnan(p[:30, 3:]).all()
    assert p[:, :3] == pytest.approx(given[:, :3])
    assert p[30:, 3:] == pytest.approx(given[30:, 3:])


def training_rows(codes: np.ndarray) -> pd.DataFrame:
    rows = pd.DataFrame({"label": codes, "identity": pd.NA, "split": "train"})
    return rows.set_axis(np.arange(len(codes)) * 2 + 1)


def test_predictions_are_read_as_they_were_kept(tmp_path: Path) -> None:
    train, p = training_rows(np.arange(60) % 2), some(60, 2)
    keep_predictions(tmp_path / "out_of_fold.csv", [GENDER], train, p)
    table = read_predictions(tmp_path / "out_of_fold.csv", [GENDER])
    assert table is not None
    assert table["row"].tolist() == train.index.tolist()
    assert (table["p_man"] == p[:, 1]).all()


@pytest.mark.parametrize(
    "damage",
    [
        "", "row\n1\n", "\0\0", "nothing,like,it\n1,2,3\n", "\xff\xfe",
        "row,split,label,p_man\n0,train,1,many\n",
    ],
)  # fmt: skip
def test_a_damaged_file_is_no_file(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "out_of_fold.csv"
    path.write_text(damage, encoding="latin-1")
    assert read_predictions(path, [GENDER]) is None


def test_a_file_of_other_labels_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "out_of_fold.csv"
    keep_predictions(path, [GENDER], training_rows(np.arange(6) % 2), some(6, 2))
    assert read_predictions(path, [HAIR]) is None
