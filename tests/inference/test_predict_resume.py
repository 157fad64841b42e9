"""`predict --resume`: one run's rows, all files in the end, and nothing lost on the way."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_predict import ROOT, predict, rows_of
from test_predict_overwriting import Aligned, Draw, assert_refused, contents
from tiny_bundles import add_bundle

from inference.predict.outputs import CSV, FIELDS, JSONL, Output, written_name
from inference.predict.run_record import RowSettings, RunRecord


@pytest.fixture
def aligned(models: Path) -> Aligned:
    return lambda *arguments: predict(*arguments, "--aligned", "--models", models)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--backbone", "vgg16"], "with model resnet50, not vgg16"),
        (["--precision", "fp32"], "with precision int8, not fp32"),
        (["--annotate", "{marked}"], "with annotate none, not"),
    ],
)
def test_a_run_with_other_settings_is_refused(
    aligned: Aligned, draw: Draw, tmp_path: Path, change: list[str], message: str
) -> None:
    out = tmp_path / "out.csv"
    aligned(draw("a.png", "red"), "--csv", out)
    before = contents(tmp_path)
    change = [argument.format(marked=tmp_path / "marked") for argument in change]
    result = aligned(draw("b.png", "red"), "--csv", out, "--resume", *change)
    assert_refused(result, message)
    assert "--force" in result.stderr
    (tmp_path / "b.png").unlink()
    assert contents(tmp_path) == before


def test_a_model_exported_again_is_another_model(
    aligned: Aligned, draw: Draw, tmp_path: Path, models: Path
) -> None:
    out = tmp_path / "out.csv"
    aligned(draw("a.png", "red"), "--csv", out)
    add_bundle(models, tmp_path / "workshop", "resnet50", 0.2)
    assert_refused(aligned(draw("a.png", "red"), "--csv", out, "--resume"), "with sha256 ")


def test_the_detectors_settings_count(models: Path, draw: Draw, tmp_path: Path) -> None:
    arguments = (draw("a.png", "red"), "--models", models, "--csv", tmp_path / "out.csv")
    assert predict(*arguments, "--max-faces", 3).exit_code == 0
    for change in (["--max-faces", 4], ["--max-faces", 3, "--aligned"]):
        assert_refused(predict(*arguments, "--resume", *change), "start anew with --force")
    assert predict(*arguments, "--resume", "--max-faces", 3, "--threads", 1).exit_code == 0


def test_an_output_without_a_record_is_refused(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    """As the version before left it, complete or broken off."""
    photo, out = draw("a.png", "red"), tmp_path / "out.csv"
    aligned(photo, "--csv", out)
    (tmp_path / "out.csv.run.json").unlink()
    for name in ("out.csv", ".out.csv.part"):
        out.replace(tmp_path / name)
        for resume in (["--resume"], []):
            assert_refused(aligned(photo, "--csv", out, *resume), "kept no record")
        (tmp_path / name).replace(out)
    assert aligned(photo, "--csv", out, "--force").exit_code == 0
    assert aligned(photo, "--csv", out, "--resume").exit_code == 0


def test_mended_files_get_their_rows_and_the_status_is_of_the_whole(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    folder, out = draw("photos/a.png", "red").parent, tmp_path / "out.csv"
    for name in ("b.png", "c.png"):
        (folder / name).write_text("not an image")
    targets = ("--csv", out, "--jsonl", tmp_path / "o.jsonl")
    assert aligned(folder, *targets).exit_code == 1
    draw("photos/b.png", "blue")
    draw("photos/d.png", "blue")
    # c.png cannot be read, and is not even asked for again: the output still has its row
    result = aligned(folder / "a.png", folder / "b.png", *targets, "--resume")
    assert result.exit_code == 1
    assert "1 files: 1 faces, 0 could not be read" in result.stderr
    assert "with earlier runs 3 files: 1 could not be read" in result.stderr
    assert aligned(folder, *targets, "--resume").exit_code == 1
    draw("photos/c.png", "red")
    result = aligned(folder, *targets, "--resume")
    assert result.exit_code == 0
    labels = {Path(row["file"]).name: row["label"] for row in rows_of(out)}
    assert labels == {"a.png": "man", "b.png": "woman", "c.png": "man", "d.png": "woman"}
    assert len(rows_of(out)) == 4
    lines = (tmp_path / "o.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["file"] for line in lines) == sorted(
        row["file"] for row in rows_of(out)
    )


def test_copies_go_where_the_first_run_put_them(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    """Though only one folder's files are left, and though a copy was deleted since."""
    draw("photos/a/1.jpg", "red")
    (tmp_path / "photos/b").mkdir()
    (tmp_path / "photos/b/2.jpg").write_text("not an image")
    options = ("--csv", tmp_path / "out.csv", "--annotate", tmp_path / "marked")
    assert aligned(tmp_path / "photos", *options).exit_code == 1
    draw("photos/b/2.jpg", "red")
    draw("other/3.jpg", "red")
    (tmp_path / "marked/a/1.jpg").unlink()
    given = [tmp_path / "photos", tmp_path / "other"]
    assert aligned(*given, *options, "--resume").exit_code == 0
    copies = {str(path.relative_to(tmp_path / "marked")) for path in contents(tmp_path / "marked")}
    assert copies == {"a/1.jpg", "b/2.jpg", "__/other/3.jpg"}
    assert len(rows_of(tmp_path / "out.csv")) == 3


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


RECORD = RunRecord(settings=RowSettings(model="vgg16", framing="face"))

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
                write([dict.fromkeys(FIELDS, "") | {"file": file}])
        expected = [written_name(file) if form is CSV else file for file in names]
        assert list(output.finished()) == expected
        content = output.target.read_bytes()
        cut = data.draw(st.integers(len(form.head), len(content) - 1) if names else st.just(0))
        output.target.write_bytes(content[: max(cut, len(form.head))])
        read = list(output.finished()) if names else []
        assert read == expected[: len(read)] != expected or not names


@pytest.fixture
def many(draw: Draw, tmp_path: Path) -> Path:
    first = draw("many/000.png", "red")
    for index in range(1, 600):
        os.link(first, first.with_name(f"{index:03}.png"))
    return first.parent


def command(models: Path, *arguments: object) -> list[str]:
    options = ["--aligned", "--models", models]
    return [sys.executable, "-m", "inference", "predict", *map(str, [*arguments, *options])]


SLOW = """
import sys, time
from inference.detection import finder as finding
whole = finding.whole_image
def whole_image(source, wanted):
    time.sleep({seconds})
    return whole(source, wanted)
finding.whole_image = whole_image
from inference.__main__ import main; main()
"""


def slow(seconds: float, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a run whose pictures take so long each."""
    code = SLOW.format(seconds=seconds)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments[3:]], cwd=ROOT, stderr=subprocess.PIPE
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("seconds", [0.005, 5.0])
def test_ctrl_c_ends_within_a_second(
    models: Path, many: Path, tmp_path: Path, seconds: float
) -> None:
    """Also while a picture takes longer; and what was done is done, without --resume too."""
    out, part = tmp_path / "out.csv", tmp_path / ".out.csv.part"
    process = slow(seconds, command(models, many, "--csv", out))
    wait_for(lambda: part.is_file() and part.stat().st_size > (1000 if seconds < 1 else 10))
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    assert process.stderr
    message = process.stderr.read().decode()
    assert process.wait() == 130
    assert time.monotonic() - start < 1
    assert message == "interrupted: the same command with --resume goes on\n"
    done = part.read_text().count("\n") - 1
    result = predict(many, "--csv", out, "--resume", "--aligned", "--models", models)
    assert result.exit_code == 0
    if done:
        assert f"{600 - done + 1} files:" in result.stderr  # the last one may have been broken off
    assert [Path(row["file"]).name for row in rows_of(out)] == [f"{i:03}.png" for i in range(600)]


def test_a_full_disk_keeps_what_is_done(models: Path, many: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    out = tmp_path / "out.csv"
    limit = 9000

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    done = subprocess.run(
        command(models, many, "--csv", out), cwd=ROOT, capture_output=True, preexec_fn=small
    )
    assert done.returncode == 2
    message = done.stderr.decode()
    assert f"File too large: {out}; what is done is kept, --resume goes on" in message
    assert len(message.splitlines()) == 1
    result = predict(many, "--csv", out, "--resume", "--aligned", "--models", models)
    assert result.exit_code == 0
    assert int(result.stderr.split(" files:")[0].split()[-1]) < 580
    assert len(rows_of(out)) == 600


def test_two_runs_into_one_output_do_not_mix(models: Path, many: Path, tmp_path: Path) -> None:
    out, part = tmp_path / "out.csv", tmp_path / ".out.csv.part"
    first = slow(0.01, command(models, many, "--csv", out))
    wait_for(lambda: part.is_file() and part.stat().st_size > 1000)
    second = predict(many, "--csv", out, "--aligned", "--models", models)
    assert first.stderr
    message = first.stderr.read().decode()
    assert (first.wait(), second.exit_code) == (2, 0)
    assert message.startswith("error: another run writes ")
    assert len(rows_of(out)) == 600
