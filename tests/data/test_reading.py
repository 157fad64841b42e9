import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import DataError
from data.reading import USUAL, read_labels


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
