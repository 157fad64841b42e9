"""Several data sets as one: what is matched, what is refused, how each is drawn and split."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data_sets import crowd, manifest_of

from data import Balance, DataError, Dataset, Label, attributes, join, parts_of, paths_in
from data.copies.distinct import Distinct
from data.joining import equal_shares, sample_each, split_each, without_shared_pictures
from data.labels import GENDER

SMILING = Label(name="Smiling", classes=("no", "yes"))
HAIR = Label(name="hair", classes=("fair", "brown", "black"))


def at(manifest: pd.DataFrame, folder: str) -> pd.DataFrame:
    return manifest.assign(path=[f"/{folder}/{row}.jpg" for row in range(len(manifest))])


def dataset(
    name: str, manifest: pd.DataFrame, *labels: Label, root: str = "", synthetic: bool = False
) -> Dataset:
    folder = Path("/", root or name)
    return Dataset(name, folder, at(manifest, folder.name), synthetic, labels=labels or (GENDER,))


def of_codes(name: str, label: Label, codes: list[int]) -> Dataset:
    return dataset(name, manifest_of(codes), label)


def test_one_alone_is_returned_as_it_is() -> None:
    alone = of_codes("CelebA", GENDER, [0, 1])
    assert join([alone]) is alone and parts_of(alone) == (alone,)


def test_codes_follow_the_names_of_classes() -> None:
    other = Label(name="Hair color", classes=("Black", "FAIR", "Brown"))
    whole = join([of_codes("A", HAIR, [0, 1, 2, -1]), of_codes("B", other, [0, 1, 2, -1])])
    assert whole.labels == (HAIR,)
    assert whole.manifest["label"].tolist() == [0, 1, 2, -1, 2, 0, 1, -1]
    assert whole.manifest["label"].dtype == np.int8
    assert whole.manifest["dataset"].tolist() == ["A"] * 4 + ["B"] * 4
    assert [part.manifest["label"].tolist() for part in parts_of(whole)] == [
        [0, 1, 2, -1], [2, 0, 1, -1]
    ]  # fmt: skip


def test_several_labels_are_matched_in_their_order() -> None:
    def several(name: str, smile: str) -> Dataset:
        codes = manifest_of([0, 1]).drop(columns="label")
        codes = codes.assign(**{f"label:{smile}": [0, 1], "label:hair": [2, -1]})
        return dataset(name, codes, Label(name=smile, classes=("no", "yes")), HAIR)

    whole = join([several("A", "Smiling"), several("B", "smiling")])
    assert whole.manifest["label:Smiling"].tolist() == [0, 1, 0, 1]
    assert whole.manifest["label:hair"].tolist() == [2, -1, 2, -1]
    assert "label:smiling" not in whole.manifest


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Label(name="gender", classes=("woman", "man", "other")), "woman, man, other"),
        (Label(name="gender", classes=("f", "m")), "B has gender (f, m)"),
        (SMILING, "B has Smiling (no, yes)"),
        (Label(name="n", classes=tuple("abcdef")), "n (a, b, c, …)"),
    ],
)
def test_classes_that_differ_are_refused_in_one_line(other: Label, words: str) -> None:
    with pytest.raises(DataError, match=r"A has gender \(woman, man\)") as caught:
        join([of_codes("A", GENDER, [0, 1]), of_codes("B", other, [0, 1])])
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_yes_and_no_to_different_questions_are_refused() -> None:
    hat = Label(name="Wearing_Hat", classes=("no", "yes"))
    with pytest.raises(DataError, match=r"A has Smiling \(no, yes\), B has Wearing_Hat"):
        join([of_codes("A", SMILING, [0, 1]), of_codes("B", hat, [0, 1])])


def test_classes_alike_but_for_case_cannot_be_matched() -> None:
    twice = Label(name="x", classes=("a", "A"))
    with pytest.raises(DataError, match="can't be joined"):
        join([of_codes("A", twice, [0, 1]), of_codes("B", twice, [0, 1])])


def test_people_of_two_data_sets_are_different_ones() -> None:
    people = manifest_of([0, 1, 0], identity=["7", "8", None])
    identity = join([dataset("A", people), dataset("B", people)]).manifest["identity"]
    assert identity.dropna().tolist() == ["A: 7", "A: 8", "B: 7", "B: 8"]
    assert identity.isna().tolist() == [False, False, True] * 2


def test_only_shared_attributes_are_kept_and_the_others_named() -> None:
    first = manifest_of([0, 1]).assign(Hat=[True, False], Smile=[True, True])
    second = manifest_of([0, 1]).assign(Hat=[False, False], Beard=[True, True])
    whole = join([dataset("A", first), dataset("B", second)])
    assert attributes(whole.manifest) == ["Hat"]
    assert whole.manifest["Hat"].tolist() == [True, False, False, False]
    assert whole.manifest["Hat"].dtype == bool
    [note] = whole.notes
    assert "1 of A (Smile), 1 of B (Beard)" in note


def test_names_are_distinct_and_notes_name_their_data_set() -> None:
    rows = manifest_of([0, 1])
    odd = "b\n=<i>"
    sets = [
        Dataset("CSV table", Path("/x/a"), at(rows, "1"), notes=("no people",)),
        Dataset("CSV table", Path("/x", odd), at(rows, "2")),
        Dataset("CSV table", Path("/y/a"), at(rows, "3")),
        Dataset("CelebA", Path("/c"), at(rows, "4"), synthetic=True),
    ]
    whole = join(sets)
    names = [part.name for part in parts_of(whole)]
    assert names == ["CSV table a", "CSV table b\\n=<i>", "CSV table a (2)", "CelebA"]
    assert whole.manifest["dataset"].unique().tolist() == names
    assert whole.notes == ("CSV table a: no people",)
    assert whole.synthetic and whole.framing == "face"


def drawn_of(whole: Dataset, samples: int | None, balance: Balance = "natural") -> pd.DataFrame:
    return sample_each(split_each(parts_of(whole), seed=0), samples, balance, seed=0)


def test_as_many_are_drawn_of_each_as_far_as_it_has_them() -> None:
    whole = join([dataset("A", manifest_of([0, 1] * 50)), dataset("B", manifest_of([0, 1] * 10))])
    drawn = drawn_of(whole, 40)
    tested = drawn["split"] == "test"
    assert drawn[tested]["dataset"].value_counts().to_dict() == {"A": 14, "B": 2}
    assert drawn[~tested]["dataset"].value_counts().to_dict() == {"A": 22, "B": 18}
    assert len(drawn_of(whole, None)) == len(drawn_of(whole, 1000)) == 120


def test_equal_classes_leave_room_to_the_other_data_set() -> None:
    """Of 40 images with six men six of each class can be drawn at most."""
    few_men = dataset("A", manifest_of([0] * 34 + [1] * 6))
    whole = join([few_men, dataset("B", manifest_of([0, 1] * 50))])
    drawn = drawn_of(whole, 60, "equal")
    counts = drawn.groupby(["dataset", "label"]).size()
    assert counts.tolist() == [6, 6, counts["B", 0], counts["B", 0]]
    assert abs((drawn["split"] != "test").sum() - 60) <= 4


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.integers(0, 200))
def test_shares_are_as_equal_as_what_is_there(available: list[int], total: int) -> None:
    shares = equal_shares(available, total)
    assert sum(shares) == min(total, sum(available))
    assert all(0 <= share <= most for share, most in zip(shares, available, strict=True))
    unfilled = [s for s, most in zip(shares, available, strict=True) if s < most]
    assert not unfilled or max(shares) <= min(unfilled) + 1


def test_each_is_split_by_its_own_people_with_all_classes_everywhere() -> None:
    whole = join([dataset("A", crowd(200, seed=1)), dataset("B", crowd(40, seed=2))])
    manifest = drawn_of(whole, None)
    assert manifest["path"].tolist() == whole.manifest["path"].tolist()
    assert (manifest.groupby("identity")["split"].nunique() == 1).all()
    assert len(manifest.groupby(["dataset", "split", "label"])) == 12
    shares = manifest.groupby("dataset")["split"].value_counts(normalize=True)
    assert shares["A", "test"] == pytest.approx(0.15, abs=0.02)
    assert shares["B", "test"] == pytest.approx(0.15, abs=0.03)


def test_given_parts_of_one_stay_and_the_other_is_dealt() -> None:
    parts = ["train"] * 4 + ["val"] * 2 + ["test"] * 4
    whole = join([
        dataset("A", manifest_of([0, 1] * 5, parts=parts)), dataset("B", manifest_of([0, 1] * 30))
    ])  # fmt: skip
    given, dealt = split_each(parts_of(whole), seed=0)
    assert given.manifest["split"].tolist() == parts and not given.dealt
    assert dealt.manifest["split"].value_counts()["train"] == 42 and dealt.dealt


def test_too_few_people_of_one_name_it() -> None:
    whole = join([dataset("A", crowd(60)), dataset("Small", manifest_of([0, 1]))])
    with pytest.raises(DataError, match=r"^Small: 2 images of 2 people are too few"):
        split_each(parts_of(whole), seed=0)


def test_a_picture_of_two_data_sets_stays_in_the_smaller_one() -> None:
    whole = join([dataset("A", manifest_of([0, 1, 0, 1])), dataset("B", manifest_of([0, 1]))])
    near = np.array([[0, 1], [1, 5], [2, 3], [4, 5]])  # A/0 by way of A/1
    rest = without_shared_pictures(Distinct(whole.manifest, near, ("before",)))
    assert rest.manifest["path"].tolist() == [
        "/A/2.jpg",
        "/A/3.jpg",
        "/B/0.jpg",
        "/B/1.jpg",
    ]
    assert rest.near.tolist() == [[0, 1], [2, 3]]
    assert rest.notes == ("before", "left out: 2 images of A, which another data set has as well")


def test_paths_are_taken_apart_at_commas_but_those_inside_a_path(tmp_path: Path) -> None:
    odd, plain = tmp_path / "a,b", tmp_path / "c"
    odd.mkdir()
    plain.mkdir()
    assert paths_in(str(odd)) == [str(odd)]
    assert paths_in(f"{odd},{plain}") == [str(odd), str(plain)]
    assert paths_in(f"{plain}, {odd}") == [str(plain), str(odd)]
    assert paths_in("no/a,no/b") == ["no/a", "no/b"]
    assert paths_in(f"{plain},,") == [str(plain), "", ""]
    assert paths_in("x\0y," + "z" * 5000) == ["x\0y", "z" * 5000]


@given(st.text(max_size=30))
def test_any_text_has_paths(text: str) -> None:
    assert len(paths_in(text)) >= 1
