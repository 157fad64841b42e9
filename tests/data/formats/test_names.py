from pathlib import Path

import pytest
from small_data_sets import Picture, labels_and_notes, table_of

from data import DataError, load

UTKFACE = {"25_0_3_20170104.jpg.chip.jpg": 0, "3_1_0_2017.jpg": 1, "40_0_0_2018.jpg.chip.jpg": 0}


def test_a_table_that_utkfaces_names_contradict_is_an_error(
    tmp_path: Path, picture: Picture
) -> None:
    table = table_of(tmp_path, picture, "gender", UTKFACE)
    with pytest.raises(DataError, match=r"3 of 3 names .*LABELS=0=man,1=woman") as caught:
        load(table)
    assert "\n" not in str(caught.value)
    assert list(labels_and_notes(table, "0=man,1=woman")[0].values()) == [1, 0, 1]
    kept, notes = labels_and_notes(table, "0=woman,1=man")
    assert list(kept.values()) == [0, 1, 0]
    assert "3 of 3 names that hold a label hold another one" in notes
    assert "faces.csv: not read" in labels_and_notes(tmp_path)[1]


def test_single_names_that_contradict_are_told(tmp_path: Path, picture: Picture) -> None:
    labels = {**{name: "fm"[1 - gender] for name, gender in UTKFACE.items()}, "9_1_1_2.jpg": "m"}
    assert "1 of 4 names" in labels_and_notes(table_of(tmp_path, picture, "gender", labels))[1]


def test_folders_named_as_a_label_contradict_a_table(tmp_path: Path, picture: Picture) -> None:
    labels: dict[str, object] = {"male/a.jpg": 0, "male/b.jpg": 0, "female/a.jpg": 1}
    table = table_of(tmp_path, picture, "gender", labels)
    with pytest.raises(DataError, match="3 of 3 names"):
        load(table)
