"""Where rows go: what they may overwrite, and what is kept of an output that was cut off."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from predict_command import ROOT, Aligned, Draw, assert_refused, contents, predict, rows_of

from data import GENDER
from inference.predict.outputs import Output
from inference.predict.rows import (
    CSV,
    JSONL,
    Row,
    RowFormat,
    csv_columns,
    json_fields,
    written_name,
)
from inference.predict.run_record import RowSettings, RunRecord

RECORD = RunRecord(settings=RowSettings(model="vgg16", framing="face"))
FACES = {"a.png": 1, "b, 2.png": 3, "c.png": 2}


def faces_in(file: str) -> list[Row]:
    return [
        dict.fromkeys(csv_columns([GENDER]), "") | {"file": file, "face": face}
        for face in range(FACES[file])
    ]


def written(row_format: RowFormat, target: Path) -> Output:
    output = Output(row_format, target)
    with output.open(RECORD) as write:
        for file in FACES:
            write(faces_in(file))
    return output


@pytest.mark.parametrize("row_format", [CSV, JSONL])
def test_of_a_file_all_faces_are_kept_or_none(row_format: RowFormat, tmp_path: Path) -> None:
    """Wherever the output is cut off, inside the name of a file too."""
    output = written(row_format, tmp_path / "out")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    whole, kept = before[output.target], set()
    for cut in (*range(len(row_format.head([GENDER])), len(whole), 5), len(whole)):
        for path, content in before.items():
            path.write_bytes(content)
        output.target.write_bytes(whole[:cut])
        finished = output.finished()
        with output.open(RECORD, keep=lambda _: True):
            pass
        with output.target.open(newline="") as stream:
            faces = Counter(str(row["file"]) for row in row_format.read(stream, [GENDER]))
        assert faces == {file: FACES[file] for file in finished}
        kept.add(len(finished))
    assert kept == {0, 1, 2, 3}


def test_a_pipe_is_written_through(models: Path, draw: Callable[..., Path], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "inference", "predict", "--aligned", "--models", models]
    with subprocess.Popen([*command, draw("a.png", "red"), "--csv", pipe], cwd=ROOT) as process:
        lines = pipe.read_text().splitlines()
    assert process.returncode == 0
    assert len(lines) == 2
    assert pipe.is_fifo()


def test_csv_and_json_lines_say_the_same(models: Path, photos: Path, tmp_path: Path) -> None:
    out, lines = tmp_path / "out.csv", tmp_path / "out.jsonl"
    predict(photos, "--models", models, "--csv", out, "--jsonl", lines)
    objects = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(objects) == 8
    for row, whole in zip(rows_of(out), objects, strict=True):
        assert list(whole) == json_fields([GENDER])
        assert row["file"] == whole["file"]
        assert row["error"] == whole["error"]
        if not whole["error"]:
            assert float(row["p_man"]) == whole["p_man"]
            assert int(row["left"]) == whole["left"]


@pytest.mark.parametrize("option", ["--csv", "--jsonl"])
def test_a_photo_named_as_output_stays_a_photo(aligned: Aligned, draw: Draw, option: str) -> None:
    """`--csv *.jpg`: the shell hands over the first photo as OUT, the others as PATH."""
    a, b, c = (draw(f"photos/{name}.jpg", "red") for name in "abc")
    before = contents(a.parent)
    assert_refused(aligned(b, c, option, a), "a.jpg was not written by `predict`")
    assert_refused(aligned(b, c, option, a, "--resume"), "start anew with --force")
    assert_refused(aligned(a.parent, option, a), "a.jpg is one of the files to read")
    assert contents(a.parent) == before
    assert aligned(b, option, a, "--force").exit_code == 0
    assert a.read_bytes() != before[a]


def test_an_output_is_overwritten_by_the_next_run_but_not_what_came_in_its_place(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    for color, label in (("red", "man"), ("blue", "woman")):
        assert aligned(draw("a.png", color), "--csv", out).exit_code == 0
        assert rows_of(out)[0]["label"] == label
    corrected = out.read_text().replace("woman", "man")
    out.write_text(corrected)
    assert_refused(aligned(tmp_path / "a.png", "--csv", out), "changed since `predict` wrote it")
    assert out.read_text() == corrected
    assert aligned(tmp_path / "a.png", "--csv", out, "--force").exit_code == 0
    assert rows_of(out)[0]["label"] == "woman"


def test_an_output_among_the_inputs_is_not_overwritten(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    """`predict * --csv out.csv`, the second time."""
    out, linked = tmp_path / "out.csv", tmp_path / "linked.csv"
    photo = draw("a.png", "red")
    assert aligned(photo, "--csv", out).exit_code == 0
    before = out.read_bytes()
    os.link(out, linked)
    for name in (out, linked):
        assert_refused(aligned(photo, name, "--csv", out), "one of the files to read")
    assert out.read_bytes() == before


def test_what_lies_at_the_names_beside_the_output_is_not_overwritten(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    photo = draw("a.png", "red")
    for name in ("out.csv.run.json", ".out.csv.part"):
        (tmp_path / name).write_text('{"mine": 1}')
        assert_refused(aligned(photo, "--csv", tmp_path / "out.csv"), f"{name} was not written")
        assert (tmp_path / name).read_text() == '{"mine": 1}'
        (tmp_path / name).unlink()


def test_a_link_is_written_through(aligned: Aligned, draw: Draw, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, file = tmp_path / "link.csv", tmp_path / "elsewhere" / "out.csv"
    link.symlink_to(file)
    for _ in range(2):
        assert aligned(draw("a.png", "red"), "--csv", link).exit_code == 0
        assert link.is_symlink() and len(rows_of(file)) == 1
    file.write_text("mine")
    assert_refused(aligned(draw("a.png", "red"), "--csv", link), "changed since")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "{link}"])
@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_standard_output_by_another_name(
    models: Path, draw: Draw, tmp_path: Path, name: str, mode: str
) -> None:
    """Also where the shell has made a file of it, and what was in that file stays with `>>`."""
    link, log = tmp_path / "link", tmp_path / "log"
    link.symlink_to("/dev/stdout")
    log.write_text("earlier\n")
    out = name.format(link=link)
    command = [sys.executable, "-m", "inference", "predict", draw("a.png", "red"), "--aligned"]
    command += ["--models", models, "--csv", out]
    with log.open(mode) as stream:
        assert subprocess.run(command, cwd=ROOT, stdout=stream).returncode == 0
    lines = log.read_text().splitlines()
    assert lines[: mode == "ab"] == ["earlier"] * (mode == "ab")
    assert len(lines) == 2 + (mode == "ab")
    assert Path("/dev/stdout").is_symlink() and link.is_symlink()


def test_a_descriptor_of_the_shell_is_written_on_from_its_end(
    models: Path, draw: Draw, tmp_path: Path
) -> None:
    """`--csv /dev/fd/3 3>>log`"""
    log = tmp_path / "log"
    log.write_text("earlier\n")
    command = [sys.executable, "-m", "inference", "predict", draw("a.png", "red"), "--aligned"]
    with log.open("ab") as stream:
        target = f"/dev/fd/{stream.fileno()}"
        done = subprocess.run(
            [*command, "--models", models, "--csv", target],
            cwd=ROOT, pass_fds=[stream.fileno()], check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert log.read_text().splitlines()[0] == "earlier"
    assert len(log.read_text().splitlines()) == 3


def test_devices_are_written_to(aligned: Aligned, draw: Draw) -> None:
    null = Path("/dev/null").stat().st_rdev
    assert aligned(draw("a.png", "red"), "--csv", "/dev/null").exit_code == 0
    assert Path("/dev/null").stat().st_rdev == null
    result = aligned(draw("a.png", "red"), "--csv", "/dev/full")
    assert_refused(result, "No space left on device: /dev/full")


NAMES = [
    "lone\rreturn.png",
    "two\nlines.png",
    'quo"ted.png',
    "semi;colon.png",
    "ta\tb.png",
    "=1.png",
]


def test_odd_names_make_no_junk_rows(
    aligned: Aligned, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        draw("photos/x.png", "red").rename(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path / "photos")
    out = tmp_path / "out.csv"
    assert aligned(".", "--csv", out).exit_code == 0
    whole = out.read_text()
    result = aligned(".", "--csv", out, "--resume")
    assert result.exit_code == 0
    assert out.read_text() == whole
    names = [row["file"] for row in rows_of(out)]
    assert sorted(names) == sorted([*NAMES[:-1], "./=1.png"])
    assert all(Path(name).is_file() for name in names)


_text = st.text(st.characters(exclude_characters="\0"), min_size=1).map(
    lambda text: os.fsdecode(text.encode("utf-8", "replace"))
)


_not_utf8 = st.binary(min_size=1).filter(lambda name: b"\0" not in name).map(os.fsdecode)


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(names=st.lists(_text | _not_utf8, unique_by=written_name, max_size=5), data=st.data())
def test_rows_of_any_name_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    """Whole, or cut anywhere: every file that is said to be finished is one that was written."""
    folder = tmp_path_factory.mktemp("rows")
    for form, name in ((CSV, "o.csv"), (JSONL, "o.jsonl")):
        output = Output(form, folder / name)
        with output.open(RECORD) as write:
            for file in names:
                write([dict.fromkeys(csv_columns([GENDER]), "") | {"file": file}])
        expected = [written_name(file) if form is CSV else file for file in names]
        assert list(output.finished()) == expected
        content = output.target.read_bytes()
        cut = data.draw(
            st.integers(len(form.head([GENDER])), len(content) - 1) if names else st.just(0)
        )
        output.target.write_bytes(content[: max(cut, len(form.head([GENDER])))])
        read = list(output.finished()) if names else []
        assert read == expected[: len(read)] != expected or not names


FORMULAS = [
    "=1+1.png",
    "+1.png",
    "-1.png",
    "@sum.png",
    "\t=1.png",
    "\r=1.png",
    " =1.png",
    "\uff1d1.png",
]


def test_names_that_a_spreadsheet_would_run_are_paths_of_the_same_file(
    aligned: Aligned, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FORMULAS:
        draw("photos/x.png", "red").rename(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path / "photos")
    assert aligned(".", "--csv", tmp_path / "out.csv").exit_code == 0
    names = [row["file"] for row in rows_of(tmp_path / "out.csv")]
    assert all(name.startswith("./") and Path(name).is_file() for name in names)
    assert len(names) == len(FORMULAS)
    result = aligned(".", "--csv", tmp_path / "out.csv", "--resume")
    assert "0 files: 0 faces" in result.stderr
