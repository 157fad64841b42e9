"""Contradictions and copies where labels other than gender are learned."""

from pathlib import Path

import numpy as np
import pandas as pd

from data import GENDER, Dataset, Label, drop_conflicts, label_conflicts
from data.copies.distinct import disagreeing, without_copies
from data.copies.matching import Copies
from data.describe import describe
from data.manifest import in_words, make_manifest, require_classes_kept

SMILING = Label(name="Smiling", classes=("no", "yes"))
RACE = Label(name="race", classes=("Asian", "Black", "White"))


def manifest(codes: list[int] | pd.DataFrame, people: list[str | None]) -> pd.DataFrame:
    paths = [f"{row}.jpg" for row in range(len(people))]
    labels = codes if isinstance(codes, pd.DataFrame) else pd.Series(codes)
    return make_manifest(paths, labels, identity=pd.Series(people))


def test_only_gender_and_origin_contradict() -> None:
    table = manifest([1, 1, 0], ["ann"] * 3)
    assert label_conflicts(table, [SMILING]).empty
    assert len(drop_conflicts(table, [SMILING])) == 3
    assert label_conflicts(table, [GENDER])["path"].tolist() == ["2.jpg"]


def test_a_majority_is_more_than_half_of_the_images_with_a_class() -> None:
    codes = [2, 2, 0, -1, -1, 0, 1, 2, 1, 1, 0, 2]
    people = ["ann"] * 5 + ["bob"] * 3 + ["cid"] * 4
    assert label_conflicts(manifest(codes, list(people)), [RACE])["path"].tolist() == ["2.jpg"]


def test_of_several_labels_each_that_belongs_to_a_person_counts() -> None:
    codes = pd.DataFrame(
        {"label:Smiling": [0, 1, 1, 1], "label:race": [1, 1, 2, 1], "label:gender": [0, 0, 0, 1]}
    )
    table = manifest(codes, ["ann"] * 4)
    labels = [SMILING, RACE, GENDER]
    assert label_conflicts(table, labels)["path"].tolist() == ["2.jpg", "3.jpg"]
    facts = describe(Dataset("t", Path("/"), table, labels=tuple(labels)))
    assert [(path, label) for path, label, _ in facts.conflicts] == [
        ("2.jpg", "White"),
        ("3.jpg", "man"),
    ]
    assert facts.labels == {
        "Smiling no": 1, "Smiling yes": 3, "race Asian": 0, "race Black": 3, "race White": 1,
        "gender woman": 3, "gender man": 1,
    }  # fmt: skip


def test_copies_disagree_on_any_label_but_not_by_what_is_missing() -> None:
    codes = pd.DataFrame({"label:Smiling": [0, 0, 1, -1], "label:race": [1, 2, 0, 0]})
    table = manifest(codes, [None] * 4)
    content = pd.Series([5, 5, 6, 6])
    assert disagreeing(table, content).tolist() == [True, True, False, False]
    copies = Copies(content.to_numpy(), picture=content.to_numpy())
    kept = without_copies(table, copies, [SMILING, RACE])
    assert kept.manifest["path"].tolist() == ["2.jpg"]
    assert kept.notes[1].endswith(
        "different labels: 0.jpg (Smiling no, race Black) = 1.jpg (Smiling no, race White)"
    )


def test_pairs_alike_may_differ_in_one_of_several_labels() -> None:
    codes = pd.DataFrame({"label:Smiling": [0, 0, -1], "label:race": [1, 2, 2]})
    copies = Copies(np.arange(3), picture=np.zeros(3, np.int64))
    notes = without_copies(manifest(codes, [None] * 3), copies, [SMILING, RACE]).notes
    assert any(note.startswith("1 of these pictures have different labels") for note in notes)


def test_labels_in_words() -> None:
    codes = pd.DataFrame({"label:Smiling": [0, -1], "label:race": [2, -1]})
    assert in_words(codes, [SMILING, RACE]).tolist() == ["Smiling no, race White", ""]
    assert in_words(pd.DataFrame({"label": [2, -1]}), [RACE]).tolist() == ["White", ""]


def test_a_class_without_a_readable_image_is_told() -> None:
    table = pd.DataFrame({"label:Smiling": [0, 1, -1]})
    require_classes_kept(table, table[:2], "the readable images")
