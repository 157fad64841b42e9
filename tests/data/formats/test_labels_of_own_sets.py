"""Labels of tables and folders of one's own: what is offered, how it is read, what is refused."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_data_sets import Picture, write_images

from data import GENDER, DataError, attributes, load
from data.labels import codes_of
from data.reading import reading_for, reading_of

COLUMNS = {
    "sex": "f m f m f m f m f",
    "smile": "1 0 1 0 1 0 1 0 ?",
    "hat": "1 -1 1 -1 1 -1 1 -1 1",
    "mood": "Happy sad happy Sad cross happy sad cross cross",
    "rank": "3 10 2 3 10 2 3 10 2",
    "AGE": "5 7 8 21 33 25 70 65 90.5",
    "score": "0.5 1 2 3 4 5 6 7 8",
    "shot": "a b c d e f g h i",
    "one": "x x x x x x x x x",
}


def table(folder: Path, picture: Picture, columns: dict[str, str] = COLUMNS) -> Path:
    cells = [text.replace("?", "").split(" ") for text in columns.values()]
    names = [f"{row}.jpg" for row in range(len(cells[0]))]
    write_images(folder, picture, names)
    rows = [",".join((name, *row)) for name, *row in zip(names, *cells, strict=True)]
    file = folder / "faces.csv"
    file.write_text("\n".join([",".join(("path", *columns)), *rows]))
    return file


@pytest.mark.parametrize(
    ("label", "classes", "codes"),
    [
        ("Sex", ("woman", "man"), [0, 1, 0, 1, 0, 1, 0, 1, 0]),
        ("smile", ("no", "yes"), [1, 0, 1, 0, 1, 0, 1, 0]),
        ("hat", ("no", "yes"), [1, 0, 1, 0, 1, 0, 1, 0, 1]),
        ("mood", ("cross", "Happy", "sad"), [1, 2, 1, 2, 0, 1, 2, 0, 0]),
        ("rank", ("2", "3", "10"), [1, 2, 0, 1, 2, 0, 1, 2, 0]),
    ],
)
def test_columns_are_labels(
    tmp_path: Path, picture: Picture, label: str, classes: tuple[str, ...], codes: list[int]
) -> None:
    dataset = load(table(tmp_path, picture), label=label)
    assert dataset.labels[0].classes == classes
    assert dataset.manifest["label"].tolist() == codes


def test_years_are_put_into_groups(tmp_path: Path, picture: Picture) -> None:
    file = table(tmp_path, picture)
    dataset = load(file, label="age", ages="0-17,18-59,60+")
    assert (dataset.labels[0].name, dataset.labels[0].classes) == ("AGE", ("0-17", "18-59", "60+"))
    assert dataset.manifest["label"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    with pytest.raises(DataError, match=r"label 'AGE': a class has too few images.*13-19 0"):
        load(file, label="age")


def test_what_a_table_offers_and_keeps_as_attributes(tmp_path: Path, picture: Picture) -> None:
    file = table(tmp_path, picture)
    dataset = load(file, ages="0-17,18-59,60+")
    assert dataset.labels == (GENDER,)
    offered = {offer.label.name: offer for offer in dataset.offers}
    assert list(offered) == ["gender", "smile", "hat", "mood", "rank", "AGE"]
    assert (offered["smile"].counts, offered["smile"].missing) == ((4, 4), 1)
    assert offered["smile"].meaning == "0 for no, 1 for yes"
    assert attributes(dataset.manifest) == ["hat"]  # smile is missing in a row
    smiling = load(file, label="smile")
    assert attributes(smiling.manifest) == ["hat", "Male"]
    assert "1 rows of the table have no path or no label" in smiling.notes
    assert smiling.notes[1].startswith("column 'smile': 0 for no, 1 for yes is assumed")
    assert smiling.notes[1].endswith("give LABELS=0=yes,1=no")


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("score", "column 'score' holds numbers with fractions"),
        ("shot", r"label 'shot': a class has too few images, 3 .* \(a 1, b 1"),
        ("one", r"label 'one': .* two classes at least \(x 9\)"),
        ("path", "no label 'path'; it offers gender, smile"),
        ("smiles", "no label 'smiles'; it offers gender, smile, hat, mood, rank"),
    ],
)
def test_columns_that_are_no_labels(tmp_path: Path, picture: Picture, label: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        load(table(tmp_path, picture), label=label)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_a_column_of_names_or_numbers_is_no_label(tmp_path: Path, picture: Picture) -> None:
    many = range(120)
    columns = {
        "sex": " ".join("fm"[i % 2] for i in many),
        "name": " ".join(f"person{i}" for i in many),
        "number": " ".join(str(i % 30) for i in many),
        "word": " ".join("uncertain" if i % 2 else "sure" for i in many),
    }
    file = table(tmp_path, picture, columns)
    for label, why in {
        "name": "column 'name' holds 120 different values, and 100 classes at most",
        "number": "column 'number' holds 30 different numbers, and 20 at most",
        "word": "a class can't be called 'uncertain'",
    }.items():
        with pytest.raises(DataError, match=why):
            load(file, label=label)
    assert [offer.label.name for offer in load(file).offers] == ["gender"]
    told = ",".join(f"{i}={'low' if i < 15 else 'high'}" for i in range(30))
    assert load(file, told, label="number").labels[0].classes == ("low", "high")


def test_labels_say_what_the_words_of_one_column_mean(tmp_path: Path, picture: Picture) -> None:
    file = table(tmp_path, picture)
    dataset = load(file, "cross=bad,sad=bad,happy=good", label="mood")
    assert dataset.labels[0].classes == ("bad", "good")
    assert dataset.manifest["label"].tolist() == [1, 0, 1, 0, 0, 1, 0, 0, 0]
    partly = load(file, "sad=Sad,happy=glad", label="MOOD")
    assert partly.labels[0].classes == ("Sad", "glad") and len(partly.manifest) == 6
    assert "3 rows with cross (3) in column 'mood': not named in LABELS" in partly.notes[-1]
    turned = load(file, "0=open,1=closed", label="smile")
    assert turned.labels[0].classes == ("open", "closed")
    assert any("LABELS takes 0 for open, 1 for closed" in note for note in turned.notes)
    with pytest.raises(DataError, match=r"LABELS says .* not of which column: name it"):
        load(file, "0=open,1=closed")
    with pytest.raises(DataError, match="for one label, and LABEL names 2"):
        load(file, "0=open,1=closed", label="smile,hat")


def test_a_column_called_label_is_gender_only_by_its_words(
    tmp_path: Path, picture: Picture
) -> None:
    file = table(tmp_path / "a", picture, {"label": "cat dog cat dog cat dog"})
    dataset = load(file)
    assert (dataset.labels[0].name, dataset.labels[0].classes) == ("label", ("cat", "dog"))
    assert load(file, "dog=1st,cat=2nd").labels[0].classes == ("1st", "2nd")
    assert load(table(tmp_path / "b", picture, {"label": "0 1 0 1"})).labels == (GENDER,)
    with pytest.raises(DataError, match="column 'label' holds 'cat'"):
        load(table(tmp_path / "c", picture, {"label": "f m cat f"}))


def test_a_column_of_gender_that_cannot_be_read_spoils_no_other_label(
    tmp_path: Path, picture: Picture
) -> None:
    file = table(tmp_path, picture, {"gender": "f m x f m x", "hat": "1 0 1 0 1 0"})
    assert load(file, label="hat").labels[0].name == "hat"
    for label in ("", "gender"):
        with pytest.raises(DataError, match=r"faces\.csv: column 'gender' holds 'x'; labels are"):
            load(file, label=label)


def test_several_columns_at_once(tmp_path: Path, picture: Picture) -> None:
    dataset = load(table(tmp_path, picture), label="mood,smile,gender")
    assert list(dataset.manifest)[:4] == ["path", "label:mood", "label:smile", "label:gender"]
    assert codes_of(dataset.manifest)[-1].tolist() == [0, -1, 0]
    assert "1 images have no value of 'smile'" in dataset.notes


def folders(root: Path, picture: Picture, *names: str, each: int = 3) -> Path:
    for place, name in enumerate(names):
        for number in range(each):
            picture(root / name / f"{number}.png", 100 * place + number)
    return root


@pytest.mark.parametrize("label", ["", "class", "CLASS", "Eyeglasses"])
def test_folders_of_any_name_are_classes(tmp_path: Path, picture: Picture, label: str) -> None:
    dataset = load(folders(tmp_path, picture, "glasses", "no_glasses"), label=label)
    assert dataset.labels[0].name == (label if label == "Eyeglasses" else "class")
    assert dataset.labels[0].classes == ("no_glasses", "glasses")
    assert dataset.manifest["label"].tolist() == [1] * 3 + [0] * 3


def test_folders_below_parts(tmp_path: Path, picture: Picture) -> None:
    names = [
        f"{part}/{name}" for part in ("train", "val", "test") for name in ("Red", "fair", "black")
    ]
    dataset = load(folders(tmp_path, picture, *names))
    assert dataset.labels[0].classes == ("black", "fair", "Red")
    assert dataset.manifest.groupby(["split", "label"]).size().tolist() == [3] * 9


def test_folders_of_women_and_men_stay_gender(tmp_path: Path, picture: Picture) -> None:
    root = folders(tmp_path / "two", picture, "man", "woman")
    assert load(root).labels == load(root, label="Male").labels == (GENDER,)
    with pytest.raises(DataError, match="no label 'hat'; it offers gender"):
        load(root, label="hat")
    three = folders(tmp_path / "three", picture, "man", "woman", "child", each=4)
    assert load(three).labels == (GENDER,) and len(load(three).manifest) == 8
    assert load(three, label="class").labels[0].classes == ("child", "man", "woman")
    assert load(three, label="kind").labels[0].name == "kind"


def test_folders_0_and_1_are_gender_unless_named(tmp_path: Path, picture: Picture) -> None:
    root = folders(tmp_path, picture, "0", "1")
    assert load(root).labels == (GENDER,)
    smiling = load(root, label="Smiling")
    assert smiling.labels[0].classes == ("no", "yes")
    assert smiling.notes[0].startswith("folders: 0 for no, 1 for yes is assumed")
    told = load(root, "0=closed,1=open", label="mouth")
    assert (told.labels[0].name, told.labels[0].classes) == ("mouth", ("closed", "open"))


def test_a_folder_a_person_is_no_label(tmp_path: Path, picture: Picture) -> None:
    folders(tmp_path, picture, *(f"Person {i}" for i in range(101)), each=1)
    with pytest.raises(DataError, match="label 'class': 101 classes, and 100 at most"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("names", "each", "why"),
    [
        (("cat", "uncertain"), 3, "a class can't be called 'uncertain'"),
        (("cat", "two\nlines"), 3, "not printable"),
        (("cat", "d" * 81), 3, "longer than 80"),
        (("cat", "dog"), 2, r"a class has too few images, 3 .* \(cat 2, dog 2\)"),
    ],
)
def test_folders_that_are_no_classes(
    tmp_path: Path, picture: Picture, names: tuple[str, ...], each: int, why: str
) -> None:
    with pytest.raises(DataError, match=why) as caught:
        load(folders(tmp_path, picture, *names, each=each))
    assert "\n" not in str(caught.value)


def test_one_folder_or_folders_without_images_are_no_classes(
    tmp_path: Path, picture: Picture
) -> None:
    folders(tmp_path, picture, "cat")
    (tmp_path / "dog" / "deeper").mkdir(parents=True)
    with pytest.raises(DataError, match="only one folder has images, cat"):
        load(tmp_path)
    picture(tmp_path / "dog" / "deeper" / "a.png")
    with pytest.raises(DataError, match="too few images"):
        load(tmp_path)


def test_a_table_is_read_before_folders_of_any_name(tmp_path: Path, picture: Picture) -> None:
    folders(tmp_path, picture, "a", "b")
    rows = [f"{name}/{i}.png,{'fm'[i % 2]}" for name in "ab" for i in range(3)]
    (tmp_path / "faces.csv").write_text("\n".join(["file,sex", *rows]))
    assert load(tmp_path).name == "CSV table"


words = st.text(st.characters(exclude_characters="=,"), min_size=1, max_size=8).filter(
    lambda word: word.strip() and not word.strip().lower().endswith(".0")
)


@given(st.dictionaries(words, words, min_size=2, max_size=6))
def test_any_reading_is_parsed_or_refused_in_one_line(pairs: dict[str, str]) -> None:
    text = ",".join(f"{word}={name}" for word, name in pairs.items())
    try:
        reading = reading_of(text)
    except DataError as error:
        assert str(error).startswith(f"LABELS={text}: ")
        return
    assert len(reading.classes) == len({name.strip().lower() for name in pairs.values()})
    for word, name in pairs.items():
        code = reading.label(word)
        assert code is not None
        assert reading.classes[code].lower() == name.strip().lower()


@given(st.lists(words, min_size=1, max_size=12))
def test_any_words_are_classes_and_each_has_one(found: list[str]) -> None:
    reading = reading_for(found)
    assert len(set(reading.classes)) == len(reading.classes)
    assert all(reading.label(word) is not None for word in found)
    assert {reading.label(word) for word in found} <= set(range(len(reading.classes)))


def test_a_second_column_of_gender_is_no_other_label_nor_attribute(
    tmp_path: Path, picture: Picture
) -> None:
    columns = {"gender": "f m f m f m", "Male": "1 1 0 0 1 1", "hat": "1 0 1 0 1 0"}
    dataset = load(table(tmp_path, picture, columns), label="hat")
    assert [offer.label.name for offer in dataset.offers] == ["gender", "hat"]
    assert dataset.manifest["Male"].tolist() == [False, True] * 3


def test_people_and_parts_are_no_labels(tmp_path: Path, picture: Picture) -> None:
    columns = {
        "sex": "f m f m f m",
        "identity": "a a b b c c",
        "person": "a a b b c c",
        "subset": "train train train val val val",
        "split": "train train val val test test",
    }
    dataset = load(table(tmp_path, picture, columns))
    assert [offer.label.name for offer in dataset.offers] == ["gender"]


def test_columns_of_lists_are_passed_over(tmp_path: Path, picture: Picture) -> None:
    write_images(tmp_path, picture, ["0.jpg", "1.jpg"])
    faces = pd.DataFrame({"path": ["0.jpg", "1.jpg"], "sex": ["f", "m"], "box": [[1, 2], [3]]})
    faces.to_parquet(tmp_path / "faces.parquet")
    assert load(tmp_path / "faces.parquet").manifest["label"].tolist() == [0, 1]
