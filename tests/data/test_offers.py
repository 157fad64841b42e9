"""Which labels are chosen among those offered, and what is said where none can be."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import GENDER, DataError
from data.labels import UNCERTAIN
from data.offers import Offer, choice_of, choose, gender_attribute

NO_YES = ("no", "yes")


def offer(name: str, classes: tuple[str, ...] = NO_YES, each: int = 3, gaps: int = 0) -> Offer:
    codes = [*range(len(classes))] * each + [-1] * gaps
    return Offer(name, classes, np.array(codes, np.int8), column=name)


def chosen(label: str, *offers: Offer) -> list[str]:
    found = choose(offers, choice_of(label), "faces")
    return [label.name for label in found.labels]


GENDER_OFFER = Offer(GENDER.name, GENDER.classes, np.array([0, 1] * 3, np.int8), ("Male",), "Male")


@pytest.mark.parametrize("label", ["Smiling", "smiling", " SMILING ", "smiling,"])
def test_names_are_found_whatever_their_case(label: str) -> None:
    assert chosen(label, GENDER_OFFER, offer("Smiling"), offer("Young")) == ["Smiling"]


@pytest.mark.parametrize("label", ["", "gender", "Gender", "Male", "male"])
def test_gender_is_learned_unless_another_is_named(label: str) -> None:
    offers = offer("Smiling"), GENDER_OFFER
    assert choose(offers, choice_of(label), "faces").labels == (GENDER,)


def test_several_are_learned_in_the_order_asked_for() -> None:
    offers = GENDER_OFFER, offer("a", each=1, gaps=4), offer("b"), offer("c")
    assert chosen("c, MALE,b", *offers) == ["c", "gender", "b"]


def test_the_only_label_that_can_be_learned_needs_no_name() -> None:
    assert chosen("", offer("few", each=1), offer("Young")) == ["Young"]
    with pytest.raises(DataError, match="faces: label 'few': a class has too few images"):
        chosen("", offer("few", each=1))


def test_of_two_exact_spellings_the_exact_one_is_meant() -> None:
    offers = offer("smile"), offer("Smile")
    assert chosen("Smile", *offers) == ["Smile"]
    with pytest.raises(DataError, match="'SMILE' may be any of smile, Smile"):
        chosen("SMILE", *offers)


def test_what_is_not_offered_or_not_named_lists_what_is() -> None:
    offers = offer("hat"), offer("few", each=1), offer("bangs")
    with pytest.raises(DataError, match=r"faces: no label 'smile'; it offers hat, bangs$"):
        chosen("smile", *offers)
    with pytest.raises(DataError, match=r"it offers hat, bangs: give LABEL=hat$"):
        chosen("", *offers)
    with pytest.raises(DataError, match=r"it offers none \(label 'a': .*; label 'b': "):
        chosen("", offer("a", each=1), offer("b", each=1))
    with pytest.raises(DataError, match=r"it offers none$"):
        chosen("hat")


@pytest.mark.parametrize(
    ("classes", "each", "why"),
    [
        (("no",), 5, r"images of two classes at least \(no 5\)"),
        (("a", "b", "c"), 2, r"too few images, 3 .* \(a 2, b 2, c 2\)"),
        (tuple(f"person {i}" for i in range(101)), 3, "101 classes, and 100 at most"),
        (("a", UNCERTAIN), 3, "a class can't be called 'uncertain'"),
        (("Uncertain", "b"), 3, "a class can't be called 'Uncertain'"),
        (("a", " "), 3, "' ' can't be the name"),
        (("a", "b" * 81), 3, "longer than 80"),
        (("a", "two\nlines"), 3, r"'two\\\\nlines' can't be the name .* not printable"),
        (("a", "\x1b[31mred"), 3, "not printable"),
    ],
)
def test_what_cannot_be_learned_is_said_in_one_line(
    classes: tuple[str, ...], each: int, why: str
) -> None:
    with pytest.raises(DataError, match=why) as caught:
        chosen("kind", offer("kind", classes, each), GENDER_OFFER)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("faces: label 'kind': ")


def test_labels_whose_names_in_a_model_collide_are_refused() -> None:
    with pytest.raises(DataError, match="'hair color' and 'hair-color' would both be 'p_hair_col"):
        chosen("hair color,hair-color", offer("hair color"), offer("hair-color"))
    with pytest.raises(DataError, match="'gender' and 'man' would both be 'p_man'"):
        chosen("male,man", GENDER_OFFER, offer("man"))
    with pytest.raises(DataError, match="faces: LABEL names 'gender' twice"):
        chosen("male,gender", GENDER_OFFER)


names = st.text(st.characters(exclude_characters=","), min_size=1, max_size=10).filter(
    lambda name: name.strip()
)


@given(st.lists(names, max_size=5))
def test_any_names_are_read_back_or_named_twice(words: list[str]) -> None:
    text = ",".join(words)
    alone = [word.strip() for word in words]
    if len({word.casefold() for word in alone}) < len(alone):
        with pytest.raises(DataError, match="twice"):
            choice_of(text)
    else:
        assert list(choice_of(text).names) == alone


def test_wrong_choices() -> None:
    with pytest.raises(DataError, match="LABEL= , : names no label"):
        choice_of(" , ")
    with pytest.raises(DataError, match=r"LABELS=0=a,1=b: .* for one label, and LABEL names 2"):
        choice_of("hat,bangs", "0=a,1=b")
    with pytest.raises(DataError, match="AGES=3: '3' is no group"):
        choice_of(ages="3")
    assert choice_of(ages=" ").ages == choice_of().ages


def test_images_without_a_value_are_told_of_one_and_of_several() -> None:
    one = choose([offer("hat", gaps=2)], choice_of("hat"), "faces")
    assert one.notes() == ("left out: 2 images without a value of 'hat'",)
    assert one.notes(blanks=False) == ()
    assert one.has_any.tolist() == [True] * 6 + [False] * 2
    hat = Offer(
        "hat", NO_YES, np.array([0, 1, 0, 1, 0, 1, -1, -1], np.int8), unread="1 rows with ?"
    )
    hair = Offer("hair", NO_YES, np.array([0, 1, 0, 1, 0, -1, 1, -1], np.int8))
    both = choose([hat, hair], choice_of("hair,hat"), "faces")
    assert both.codes.columns.tolist() == ["label:hair", "label:hat"]
    assert both.has_any.tolist() == [True] * 7 + [False]
    assert both.notes() == (
        "2 images have no value of 'hair'",
        "2 images have no value of 'hat': 1 rows with ?",
        "left out: 1 images without any label",
    )


def test_gender_is_an_attribute_only_where_it_is_known_and_not_learned() -> None:
    hat = offer("hat")
    learned = choose([GENDER_OFFER, hat], choice_of("hat"), "faces")
    male, notes = gender_attribute([GENDER_OFFER, hat], learned)
    assert male["Male"].tolist() == [False, True] * 3 and notes == ()
    both = choose([GENDER_OFFER, hat], choice_of("hat,gender"), "faces")
    assert gender_attribute([GENDER_OFFER, hat], both)[0].empty
    partly = Offer("gender", GENDER.classes, np.array([0, 1, -1, 0, 1, 0], np.int8))
    male, notes = gender_attribute([partly, hat], learned)
    assert male.columns.empty
    assert notes == ("attribute Male is left out: gender is unknown of 1 images",)
    assert isinstance(male, pd.DataFrame)
