from pathlib import Path

import pytest
from small_data_sets import Picture, celeba_csv, labels_and_notes, table_of, write_images

from data import DataError, load


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


@pytest.mark.parametrize(
    ("column", "words"), [("gender", (0, 1)), ("sex", (-1, 1)), ("male", ("false", "true"))]
)
def test_what_numbers_are_taken_for_is_said_and_can_be_turned(
    tmp_path: Path, picture: Picture, column: str, words: tuple[object, object]
) -> None:
    low, high = words
    table = table_of(tmp_path, picture, column, {"a.jpg": low, "b.jpg": high})
    found, notes = labels_and_notes(table)
    assert found == {"a.jpg": 0, "b.jpg": 1}
    other = f"{low}=man,{high}=woman"
    assert f"{low} for woman, {high} for man is assumed" in notes and f"LABELS={other}" in notes
    found, notes = labels_and_notes(table, other)
    assert found == {"a.jpg": 1, "b.jpg": 0}
    assert f"LABELS takes {low} for man, {high} for woman" in notes


@pytest.mark.parametrize(
    "labels", ["0", "0=man", "0=man,1=man", "0=man,0=woman", "0=boy,1=woman", "0=man=x,1=woman"]
)
def test_a_wrong_reading_is_an_error(tmp_path: Path, labels: str) -> None:
    with pytest.raises(DataError, match=f"LABELS={labels}: .*LABELS=0=man,1=woman"):
        load(tmp_path, labels)


def test_formats_that_define_their_labels_take_no_reading(tmp_path: Path, picture: Picture) -> None:
    celeba_csv(tmp_path)
    write_images(tmp_path / "img_align_celeba", picture)
    with pytest.raises(DataError, match="leave LABELS out"):
        load(tmp_path, "0=man,1=woman")
