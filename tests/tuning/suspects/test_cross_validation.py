from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import GENDER, Label
from tuning.suspects.cross_validation import out_of_fold, training_predictions

HAIR = Label(name="hair", classes=("fair", "brown", "black"))
RNG = np.random.default_rng(0)


def telling(codes: np.ndarray, width: int = 6) -> np.ndarray:
    """Features that tell the class of each image, in noise."""
    return RNG.normal(size=(len(codes), width)) + 4 * np.eye(width)[codes]


def test_a_person_is_never_asked_about_by_a_model_that_has_seen_them() -> None:
    """People's own marks are all that features tell: out of fold that is worth nothing."""
    people = np.repeat(np.arange(60), 5)
    codes = RNG.permutation(np.arange(60) % 2)[people]
    marks = RNG.normal(size=(60, 40))[people]
    p = out_of_fold([GENDER], marks, codes[:, None], people, seed=0)
    assert np.isfinite(p).all()
    assert 0.2 < (p.argmax(axis=1) == codes).mean() < 0.8


def test_classes_of_too_few_people_are_not_asked_about() -> None:
    codes = np.array([0] * 30 + [1] * 30 + [2] * 6)
    people = np.arange(66)
    people[60:] = [60, 60, 60, 61, 61, 61]
    p = out_of_fold([HAIR], telling(codes), codes[:, None], people, seed=0)
    assert np.isnan(p[60:]).all()
    assert np.isnan(p[:, 2]).all()
    assert p[:60, :2].sum(axis=1) == pytest.approx(np.ones(60))


def test_few_people_make_fewer_folds() -> None:
    codes = np.array([0] * 20 + [1] * 3)
    p = out_of_fold([GENDER], telling(codes), codes[:, None], np.arange(23), seed=0)
    assert np.isfinite(p).all()


@pytest.mark.parametrize("codes", [[0] * 20, [-1] * 20, [0] * 18 + [1] * 2])
def test_one_class_alone_cannot_be_doubted(codes: list[int]) -> None:
    given = np.array(codes)
    p = out_of_fold([GENDER], telling(np.maximum(given, 0)), given[:, None], np.arange(20), seed=0)
    assert np.isnan(p).all()


def test_missing_codes_of_one_label_leave_the_image_to_the_others() -> None:
    hair, gender = RNG.integers(0, 3, 90), RNG.integers(0, 2, 90)
    features = np.hstack([telling(hair), telling(gender)])
    codes = np.stack([hair, np.where(np.arange(90) < 30, -1, gender)], axis=1)
    p = out_of_fold([HAIR, GENDER], features, codes, np.arange(90), seed=0)
    assert (p[:, :3].argmax(axis=1) == hair).mean() > 0.9
    assert np.isnan(p[:30, 3:]).all()
    assert (p[30:, 3:].argmax(axis=1) == gender[30:]).mean() > 0.9


def training_rows(codes: np.ndarray) -> pd.DataFrame:
    rows = pd.DataFrame({"label": codes, "identity": pd.NA, "split": "train"})
    return rows.set_axis(np.arange(len(codes)) * 2 + 1)


def predicting(codes: np.ndarray) -> Callable[[], np.ndarray]:
    people = np.arange(len(codes))
    return lambda: out_of_fold([GENDER], telling(codes), codes[:, None], people, seed=0)


def unreachable() -> np.ndarray:
    raise AssertionError("predicted again")


def test_a_later_session_reads_what_the_first_predicted(tmp_path: Path) -> None:
    codes = np.arange(60) % 2
    train, path = training_rows(codes), tmp_path / "out_of_fold.csv"
    first = training_predictions(path, [GENDER], train, predicting(codes))
    again = training_predictions(path, [GENDER], train, unreachable)
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert first["row"].tolist() == train.index.tolist()


@pytest.mark.parametrize("damage", ["", "row\n1\n", "\0\0", "nothing,like,it\n1,2,3\n"])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: str) -> None:
    codes = np.arange(60) % 2
    path = tmp_path / "out_of_fold.csv"
    path.write_text(damage)
    table = training_predictions(path, [GENDER], training_rows(codes), predicting(codes))
    assert len(table) == 60
    assert list(pd.read_csv(path)) == ["row", "split", "label", "p_man"]
