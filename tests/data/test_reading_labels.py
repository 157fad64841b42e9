"""Columns of labels in the many ways of the world: what is read, left out, refused and remarked."""

from collections import Counter

import pandas as pd
import pytest

from data import DataError
from data.reading import USUAL, in_words, read_labels, reading_of


def column(*words: object) -> pd.Series:
    return pd.Series(words, index=range(7, 7 + len(words)), name="sex", dtype=object)


def read(*words: object, chosen: str = "", whole: pd.Series | None = None) -> dict[str, object]:
    found = read_labels(column(*words), "faces.csv", reading_of(chosen), whole)
    assert str(found.labels.dtype) == "Int8"
    assert found.labels.index.tolist() == list(range(7, 7 + len(words)))
    labels = [None if pd.isna(label) else int(label) for label in found.labels]
    unread = [found.unread] if found.unread else []
    return {"labels": labels, "notes": [*found.notes, *unread]}


def test_words_that_say_it_themselves_need_no_remark() -> None:
    women = ["f", "female", " Females", "woman", "WOMEN"]
    men = ["m", "male", "Males ", "man", "MEN"]
    assert read(*women, *men) == {"labels": [0] * 5 + [1] * 5, "notes": []}


def test_numbers_are_taken_as_usual_and_the_other_way_is_told() -> None:
    assert read("1", "0", 1.0) == {
        "labels": [1, 0, 1],
        "notes": [
            "column 'sex': 0 for woman, 1 for man is assumed; if it is the other way round, give "
            "LABELS=0=man,1=woman"
        ],
    }


def test_yes_and_no_do_not_say_themselves_of_what() -> None:
    (note,) = read(True, False)["notes"]
    assert "false for woman, true for man is assumed" in note
    assert note.endswith("give LABELS=false=man,true=woman")


def test_a_zero_beside_minus_one_is_left_out_with_its_count() -> None:
    found = read("1", "0", "-1", "0")
    assert found["labels"] == [1, None, 0, None]
    assert found["notes"] == [
        "column 'sex': -1 for woman, 1 for man is assumed; if it is the other way round, give "
        "LABELS=-1=man,1=woman",
        "2 rows with 0 (2) in column 'sex': undefined, as it stands beside -1",
    ]


def test_the_minus_one_may_be_among_rows_that_are_not_asked_for() -> None:
    assert read("1", "0", whole=column("1", "0", "-1"))["labels"] == [1, None]
    assert read("1", "0", whole=column("1", "0"))["labels"] == [1, 0]


def test_a_chosen_reading_holds_for_zero_too_and_leaves_out_what_it_does_not_name() -> None:
    found = read("0", "-1", "2", "x", "x", chosen="0=man,-1=woman")
    assert found["labels"] == [1, 0, None, None, None]
    assert found["notes"] == [
        "column 'sex': LABELS takes -1 for woman, 0 for man",
        "3 rows with x (2), 2 (1) in column 'sex': not named in LABELS",
    ]


def test_all_spellings_of_a_word_that_is_left_out_are_counted() -> None:
    found = read("f", "m", "Child", "child", "child ", chosen="f=woman,m=man")
    assert found["notes"] == ["3 rows with child (3) in column 'sex': not named in LABELS"]


def test_a_number_that_a_chosen_reading_does_not_name_has_no_remark_but_its_count() -> None:
    found = read("f", "0", chosen="f=woman,m=man")
    assert found["notes"] == ["1 rows with 0 (1) in column 'sex': not named in LABELS"]


def test_words_that_are_no_labels_are_named_three_at_most() -> None:
    with pytest.raises(DataError) as error:
        read("m", "a", "b", "c", "d")
    assert str(error.value).startswith("faces.csv: column 'sex' holds 'a', 'b', 'c'; labels are")


@pytest.mark.parametrize("text", ["", "  "])
def test_without_a_choice_labels_are_read_as_usual(text: str) -> None:
    assert reading_of(text) is USUAL


def test_a_choice_is_read_whatever_its_case_and_blanks() -> None:
    reading = reading_of(" Boy = MAN, girl=woman ,lady=Woman, ")
    assert reading.chosen
    assert dict(reading.labels) == {"boy": 1, "girl": 0, "lady": 0}
    assert reading.label("GIRL ") == 0 and reading.label("woman") is None


@pytest.mark.parametrize(
    "text",
    ["0=man", "0=man,1=man", "0=man,0=woman", "0=man,1=woman=x", "man,woman", "0=man,1=cat", ","],
)
def test_a_choice_that_says_not_both_or_not_once_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=f"LABELS={text}: say for each word"):
        reading_of(text)


def test_the_five_largest_counts_are_shown() -> None:
    counts = Counter(dict(zip("abcdefg", (1, 2000, 3, 4, 5, 6, 7), strict=True)))
    assert in_words(counts) == "b (2,000), g (7), f (6), e (5), d (4) and 2 others"
    del counts["a"]
    assert in_words(counts).endswith(" and 1 others")
    del counts["c"]
    assert in_words(counts) == "b (2,000), g (7), f (6), e (5), d (4)"
