from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import GENDER, Label
from data.labels import to_table
from tuning.runs.run_folder import RunFolder
from tuning.suspects.left_out import without_suspects
from tuning.suspects.table import COLUMNS, asked_in_vain, run_predictions, suspects

SMILING = Label(name="Smiling", classes=("no", "yes"))
LABELS = [GENDER, SMILING]
COUNT = 120
TRAIN = 80
GENDER_SLIPS, SMILING_SLIP = (5, 100), 7  # 5 and 7 are training images, 100 is not
OTHERS_PHOTO = 30  # labeled unlike the person's others; the model agrees with the label


@pytest.fixture
def manifest() -> pd.DataFrame:
    gender, smiling = np.arange(COUNT) // 3 % 2, np.arange(COUNT) % 2
    gender[list(GENDER_SLIPS)] = 1 - gender[list(GENDER_SLIPS)]
    gender[OTHERS_PHOTO] = 1 - gender[OTHERS_PHOTO]
    smiling[SMILING_SLIP] = 1 - smiling[SMILING_SLIP]
    return pd.DataFrame(
        {
            "path": [f"/faces/{row}.png" for row in range(COUNT)],
            "label:gender": gender,
            "label:Smiling": smiling,
            "identity": [f"p{row // 3}" for row in range(COUNT)],
            "split": ["train"] * TRAIN + ["val"] * 20 + ["test"] * 20,
        }
    )


@pytest.fixture
def predictions(manifest: pd.DataFrame) -> pd.DataFrame:
    gender, smiling = manifest["label:gender"].to_numpy(), manifest["label:Smiling"].to_numpy()
    man = np.where(gender == 1, 0.9, 0.1)
    man[list(GENDER_SLIPS)] = 1 - man[list(GENDER_SLIPS)]
    yes = np.where(smiling == 1, 0.9, 0.1)
    yes[SMILING_SLIP] = 1 - yes[SMILING_SLIP]
    p = np.stack([1 - man, man, 1 - yes, yes], axis=1)
    return pd.concat([manifest.iloc[:, [4, 1, 2]], to_table(LABELS, p)], axis=1).assign(
        row=manifest.index
    )


def test_each_label_lists_its_suspects_and_contradictions(
    manifest: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    table = suspects(LABELS, manifest, predictions)
    assert list(table) == list(COLUMNS)
    gender = table[table["label"] == "gender"].set_index("row")
    assert gender.index[:2].tolist() == list(GENDER_SLIPS)
    assert gender["suspect"].to_dict() == {5: True, 100: True, OTHERS_PHOTO: False}
    assert gender["contradicts_person"].all()
    assert gender.loc[100, ["path", "split"]].tolist() == ["/faces/100.png", "test"]
    smiling = table[table["label"] == "Smiling"]
    assert smiling["row"].tolist() == [SMILING_SLIP]
    assert not smiling["contradicts_person"].any()  # a person may smile in one photo alone


def test_training_leaves_out_suspects_of_each_label_and_not_contradictions(
    manifest: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    train = predictions[predictions["split"] == "train"]
    before = train[["label:gender", "label:Smiling"]].to_numpy()
    p = train.filter(like="p_").to_numpy()
    after = without_suspects(LABELS, before, p)
    assert np.argwhere(after == -1).tolist() == [[5, 0], [SMILING_SLIP, 1]]
    assert (after == before).sum() == before.size - 2


def test_a_run_that_asked_no_training_images_lists_the_others(
    manifest: pd.DataFrame, predictions: pd.DataFrame, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    run.predictions("vgg16").parent.mkdir()
    predictions[predictions["split"] != "train"].to_csv(run.predictions("vgg16"), index=False)
    table = suspects(LABELS, manifest, run_predictions(run, "vgg16"))
    assert table["row"].tolist() == [100]
    assert asked_in_vain(LABELS, run_predictions(run, "vgg16")) == {}


def test_classes_that_could_not_be_asked_about_are_named(predictions: pd.DataFrame) -> None:
    predictions.loc[predictions["label:Smiling"] == 1, "p_yes:Smiling"] = np.nan
    assert asked_in_vain(LABELS, predictions) == {"Smiling": ["yes"]}


def test_a_contradiction_is_listed_where_the_model_could_not_be_asked(
    manifest: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    predictions.loc[OTHERS_PHOTO, ["p_woman:gender", "p_man:gender"]] = np.nan
    last = suspects(LABELS, manifest, predictions).query("label == 'gender'").iloc[-1]
    assert (last["row"], last["suggested"], last["suspect"]) == (OTHERS_PHOTO, "", False)
    assert np.isnan(last["p_given"])
