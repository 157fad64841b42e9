"""Rows as text, and back, without a model."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data import GENDER, Label
from data.spreadsheets import harmless
from inference.bundle import Input
from inference.detection.finder import FaceFinder, whole_image
from inference.errors import OutputError
from inference.faces import Box, Face, Prediction
from inference.predict.outcomes import Outcome
from inference.predict.outputs import Output
from inference.predict.rows import (
    CSV,
    JSONL,
    NO_FACE,
    Row,
    RowFormat,
    csv_columns,
    csv_text,
    written_name,
)
from inference.predict.run_record import RowSettings, RunRecord

COLUMNS = csv_columns([GENDER])
SETTINGS = RowSettings(model="vgg16", precision="int8", sha256="a1", framing="face", max_faces=9)
RECORD = RunRecord(settings=SETTINGS)
HAIR = Label(name="hair", classes=("fair", "brown", "black"))
FACE: Row = {
    "file": "a.jpg", "face": 0, "left": 1, "top": 2, "right": 30, "bottom": 40,
    "detection_score": 0.91, "p_man": 0.25, "label": "woman", "error": "", "quality": 0.8,
}  # fmt: skip


def write(output: Output, *rows: Row, record: RunRecord = RECORD) -> None:
    with output.open(record) as written:
        for row in rows:
            written([row])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
@pytest.mark.parametrize("before", ["", " ", "\t", "\r", "\n"])
def test_no_name_is_a_formula_to_a_spreadsheet(start: str, before: str) -> None:
    assert written_name(f"{before}{start}1.jpg") == f"./{before}{start}1.jpg"


@pytest.mark.parametrize("name", [" a.jpg", "\ta.jpg", "\u00a0a.jpg"])
def test_a_blank_at_the_beginning_is_not_lost(name: str) -> None:
    assert written_name(name) == f"./{name}"


@pytest.mark.parametrize("name", ["a=1.jpg", "a.jpg", "/=1.jpg", "./-1.jpg", ""])
def test_other_names_stay_as_they_are(name: str) -> None:
    assert written_name(name) == name


def test_a_row_has_its_columns_in_order_and_six_decimals() -> None:
    (line,) = csv_text([FACE], [GENDER]).splitlines()[1:]
    assert line == "a.jpg,0,1,2,30,40,0.91,0.250000,woman,"
    (line,) = csv_text(
        [dict.fromkeys(COLUMNS) | {"file": "b.jpg", "p_man": 1e-9}], [GENDER]
    ).splitlines()[1:]
    assert line == "b.jpg,,,,,,,0.000000,,"


@pytest.mark.parametrize("odd", [",", ";", '"', "\t", "\r", "\n", '","'])
def test_what_readers_split_at_is_quoted(odd: str) -> None:
    text = csv_text([FACE | {"file": f"a{odd}b.jpg"}], [GENDER])
    quoted = odd.replace('"', '""')
    assert text.partition("\n")[2].startswith(f'"a{quoted}b.jpg",0,')
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["file"] == f"a{odd}b.jpg" and row["label"] == "woman"


def test_json_lines_hold_numbers_and_the_quality(tmp_path: Path) -> None:
    output = Output(JSONL, tmp_path / "out.jsonl")
    write(output, FACE)
    assert json.loads(output.target.read_text()) == FACE
    with output.target.open() as stream:
        assert list(JSONL.read(stream, [GENDER])) == [FACE]


def test_lines_of_a_version_without_quality_are_read() -> None:
    line = json.dumps({name: FACE[name] for name in COLUMNS})
    assert list(JSONL.read(io.StringIO(f"{line}\n"), [GENDER])) == [FACE | {"quality": None}]
    assert list(JSONL.read(io.StringIO(line), [GENDER])) == []


@pytest.mark.parametrize("row_format", [CSV, JSONL])
def test_whether_a_file_was_read_is_known_of_each(row_format: RowFormat, tmp_path: Path) -> None:
    output = Output(row_format, tmp_path / "out")
    blank = dict.fromkeys(FACE, None)
    write(
        output,
        FACE,
        blank | {"file": "none.jpg", "error": NO_FACE},
        blank | {"file": "broken.jpg", "error": "not an image"},
    )
    assert output.finished() == {"a.jpg": True, "none.jpg": True, "broken.jpg": False}


@pytest.mark.parametrize("row_format", [CSV, JSONL])
def test_only_the_rows_asked_for_are_kept(row_format: RowFormat, tmp_path: Path) -> None:
    output = Output(row_format, tmp_path / "out")
    write(output, *(FACE | {"file": name} for name in ("a", "b", "c")))
    with output.open(RECORD, keep=lambda name: name != "b") as written:
        written([FACE | {"file": "b", "label": "man"}])
    with output.target.open() as stream:
        rows = [(row["file"], row["label"]) for row in row_format.read(stream, [GENDER])]
    assert rows == [("a", "woman"), ("c", "woman"), ("b", "man")]
    write(output, FACE)
    assert list(output.finished()) == ["a.jpg"]  # nothing is kept unless it is asked for


@pytest.mark.parametrize(
    ("row_format", "content"),
    [
        (CSV, "file,face\na.jpg,0\n"),
        (CSV, ""),
        (JSONL, '{"file": "a.jpg"}\n'),
        (JSONL, "[1]\n"),
        (JSONL, "{\n"),
    ],
)
def test_an_output_of_other_columns_is_not_continued(
    row_format: RowFormat, content: str, tmp_path: Path
) -> None:
    output = Output(row_format, tmp_path / "out")
    write(output, FACE)
    output.target.write_text(content)
    with pytest.raises(OutputError, match="out was not written by `predict`: choose another name"):
        output.finished()


def test_what_is_written_before_an_error_waits_beside_the_output(tmp_path: Path) -> None:
    output = Output(CSV, tmp_path / "out.csv")
    write(output, FACE)
    before = output.target.read_text()
    with pytest.raises(KeyError), output.open(RECORD) as written:
        written([FACE | {"file": "b.jpg"}, FACE | {"file": "c.jpg"}])
        raise KeyError
    assert output.target.read_text() == before
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".out.csv.part", "out.csv", "out.csv.run.json"]
    assert list(output.finished()) == ["b.jpg"]  # of the last file rows may be missing
    write(output, FACE)
    assert not (tmp_path / ".out.csv.part").exists()


def test_an_output_is_known_by_the_run_before_too(tmp_path: Path) -> None:
    """A run that broke off leaves the complete output of the one before in place."""
    output = Output(CSV, tmp_path / "out.csv")
    write(output, FACE)
    with pytest.raises(KeyError), output.open(RECORD):
        raise KeyError
    output.refuse_foreign(set())
    output.target.write_text("edited")
    with pytest.raises(OutputError, match="was changed since"):
        output.refuse_foreign(set())
    output.refuse_foreign(set(), resume=True)


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    output = Output(CSV, tmp_path / "typo" / "out.csv")
    with pytest.raises(FileNotFoundError) as error:
        write(output, FACE)
    assert error.value.filename == str(output.target)
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    ("target", "is_file"),
    [("-", False), ("/dev/null", False), ("/dev/fd/9", False), ("/dev/none", False)],
)
def test_streams_are_written_as_they_are(target: str, is_file: bool) -> None:
    output = Output(CSV, Path(target))
    assert (output.is_file, output.paths, output.record) == (is_file, [], None)
    assert output.is_stdout == (target == "-")


def test_a_file_has_three_names_and_a_folder_has_none(tmp_path: Path) -> None:
    names = [path.name for path in Output(CSV, tmp_path / "new.csv").paths]
    assert names == ["new.csv", ".new.csv.part", "new.csv.run.json"]
    assert not Output(CSV, tmp_path).is_file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"labels": (HAIR,)},
            r"with labels gender \(woman, man\), not hair \(fair, brown, black\)",
        ),
        ({"model": "vgg19"}, "with model vgg16, not vgg19"),
        ({"precision": "fp32"}, "with precision int8, not fp32"),
        ({"sha256": None}, "with sha256 a1, not none"),
        ({"framing": "stretch"}, "with framing face, not stretch"),
        ({"aligned": True}, "with aligned False, not True"),
        ({"max_faces": None}, "with max_faces 9, not none"),
        ({"small_faces": True}, "with small_faces none, not True"),
        ({"annotate": "/copies"}, "with annotate none, not /copies"),
    ],
)
def test_every_setting_that_rows_depend_on_counts(change: dict[str, str], message: str) -> None:
    RECORD.refuse_other(SETTINGS, Path("out.csv"))
    with pytest.raises(OutputError, match=f"out.csv was begun {message}: give the same settings"):
        RECORD.refuse_other(SETTINGS.model_copy(update=change), Path("out.csv"))


def test_settings_are_those_of_model_and_finder(tmp_path: Path) -> None:
    formats = {"int8": SimpleNamespace(sha256="a1")}
    info = SimpleNamespace(
        backbone="vgg16", formats=formats, input=Input(size=96, framing="face"), classes=(HAIR,)
    )
    finder = FaceFinder(threads=3, max_faces=5, small_faces=True)
    model = SimpleNamespace(info=info, precision="int8", provider="cpu", finder=finder)
    (tmp_path / "link").symlink_to(tmp_path)
    found = RowSettings.of(model, tmp_path / "link" / "copies")  # type: ignore[arg-type]
    assert found.model_dump(exclude_none=True) == {
        "labels": ({"name": "hair", "classes": ("fair", "brown", "black")},),
        "model": "vgg16", "precision": "int8", "sha256": "a1", "framing": "face",
        "aligned": False, "max_faces": 5, "small_faces": True,
        "annotate": str(tmp_path.resolve() / "copies"), "video": False, "runtime": "cpu",
    }  # fmt: skip
    model.finder = whole_image
    whole = RowSettings.of(model, None)  # type: ignore[arg-type]
    assert (whole.aligned, whole.max_faces, whole.small_faces) == (True, None, None)
    assert whole.annotate is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"written_by": "me", "settings": {"model": "x", "framing": "face"}}'],
)
def test_a_record_of_another_program_is_none(content: str, tmp_path: Path) -> None:
    path = tmp_path / "out.csv.run.json"
    assert RunRecord.read(path) is None
    path.write_text(content)
    assert RunRecord.read(path) is None
    RECORD.write(path)
    assert RunRecord.read(path) == RECORD


def test_a_record_of_the_version_before_is_of_gender(tmp_path: Path) -> None:
    path = tmp_path / "out.csv.run.json"
    RECORD.write(path)
    content = json.loads(path.read_text())
    del content["settings"]["labels"]
    path.write_text(json.dumps(content))
    assert RunRecord.read(path) == RECORD


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("=1+1", "'=1+1"),
        (" @x", "' @x"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("\uff1dx", "'\uff1dx"),
        ("-1+1", "'-1+1"),
        ("-1", "-1"),
        ("+2.5", "+2.5"),
        ("60+", "60+"),
        ("'=x", "'=x"),
    ],
)
def test_no_class_is_a_formula_to_a_spreadsheet(name: str, written: str) -> None:
    assert harmless(name) == written == harmless(written)
    label = Label(name="=1", classes=(name, "other"))
    text = csv_text([row_of((label,), [[0.9, 0.1]])], [label])
    (row,) = csv.reader(io.StringIO(text.partition("\n")[2], newline=""))
    assert written in row
    for cell in next(csv.reader(io.StringIO(text, newline=""))):
        assert cell[0].isalpha(), cell


def row_of(labels: Sequence[Label], p: Sequence[Sequence[float]]) -> Row:
    """The row of a face on which each label's likeliest class was decided."""
    predictions = tuple(
        Prediction(label, tuple(row), label.classes[row.index(max(row))])
        for label, row in zip(labels, p, strict=True)
    )
    face = Face(0, Box(1, 2, 30, 40), predictions, 0.91, 0.8)
    return next(Outcome(Path("a.jpg"), [face]).rows(labels))


def test_columns_of_other_labels() -> None:
    text = csv_text([row_of([HAIR], [[0.125, 0.5, 0.375]])], [HAIR])
    assert text == (
        "file,face,left,top,right,bottom,detection_score,label,probability,p_fair,p_brown,p_black,"
        "error\na.jpg,0,1,2,30,40,0.91,brown,0.500000,0.125000,0.500000,0.375000,\n"
    )
    text = csv_text([row_of([GENDER, HAIR], [[0.9, 0.1], [1.0, 0.0, 0.0]])], [GENDER, HAIR])
    head, line = text.splitlines()
    assert head.split(",")[7:] == [
        "label:gender", "probability:gender", "p_woman:gender", "p_man:gender",
        "label:hair", "probability:hair", "p_fair:hair", "p_brown:hair", "p_black:hair", "error",
    ]  # fmt: skip
    assert line.endswith(
        ",woman,0.900000,0.900000,0.100000,fair,1.000000,1.000000,0.000000,0.000000,"
    )


NAMES = st.text(st.sampled_from("=+-@ ,;\"'<&>p_:|/0aé\u5f20"), min_size=1, max_size=6).filter(
    lambda name: bool(name.strip())
)
CLASSES = st.lists(NAMES, min_size=2, max_size=4, unique=True)


@given(
    st.lists(st.tuples(NAMES, CLASSES), min_size=1, max_size=3, unique_by=lambda one: one[0]),
    st.randoms(use_true_random=False),
)
def test_rows_of_hostile_names_come_back(
    named: list[tuple[str, list[str]]], random: Random
) -> None:
    labels = [Label(name=name, classes=tuple(classes)) for name, classes in named]
    columns = csv_columns(labels)
    assume(len(set(columns)) == len(columns))  # a bundle with others is refused
    row = row_of(labels, [[random.random() for _ in label.classes] for label in labels])
    for row_format in (CSV, JSONL):
        first, again = io.StringIO(newline=""), io.StringIO(newline="")
        first.write(row_format.head(labels))
        row_format.writer(first, labels)([row])
        first.seek(0)
        (read,) = row_format.read(first, labels)
        for column in columns[7:-1]:
            if row_format is JSONL:
                assert read[column] == row[column]
            elif column.startswith("label"):
                assert read[column] == harmless(str(row[column]))
            else:
                assert float(str(read[column])) == pytest.approx(row[column], abs=1e-6)
        again.write(row_format.head(labels))
        row_format.writer(again, labels)([read])  # as --resume does
        assert again.getvalue() == first.getvalue()
