"""Ordinary messy folders: each failure is one row or one line, and the rest is done."""

import csv
import io
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_predict import ROOT, predict, rows_of
from test_predict_overwriting import Aligned, Draw
from test_predict_resume import command

from data import listing
from data.decoding_room import DecodingRoom
from inference.inputs import expand
from inference.predict import run as module
from inference.predict.outputs import HEADER, csv_text, written_name

NOT_UTF8 = os.fsdecode(b"caf\xe9 \xff\x1b[31m.png")


@pytest.fixture
def aligned(models: Path) -> Aligned:
    return lambda *arguments: predict(*arguments, "--aligned", "--models", models)


def errors(path: Path) -> dict[str, str]:
    return {Path(row["file"]).name: row["error"] for row in rows_of(path)}


def test_huge_missing_and_odd_files_are_rows(aligned: Aligned, draw: Draw, tmp_path: Path) -> None:
    folder, out = draw("photos/z.png", "red").parent, tmp_path / "out.csv"
    with (folder / "huge.jpg").open("wb") as stream:
        stream.truncate(9_000_000_000)
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")
    result = aligned(folder, "--csv", out)
    assert result.exit_code == 1
    assert "4 files: 1 faces, 3 could not be read" in result.stderr
    reasons = errors(out)
    assert "too large: 9000 MB" in reasons["huge.jpg"]
    assert reasons["gone.jpg"] == "no such file"
    assert "pipe" in reasons["pipe.jpg"]
    assert reasons["z.png"] == ""


def test_a_missing_line_of_a_list_is_a_row(models: Path, draw: Draw, tmp_path: Path) -> None:
    photo, gone = draw("a.png", "red"), tmp_path / "gone[1].jpg"
    draw("gone1.jpg", "red")
    too_long = tmp_path / ("n" * 300)
    lines = "\r\n".join(map(str, (photo, gone, too_long, tmp_path / "photos", photo)))
    done = subprocess.run(
        command(models, "-"),
        cwd=ROOT,
        input=b"\xef\xbb\xbf" + lines.encode(),
        capture_output=True,
    )
    assert done.returncode == 1
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert [row["error"] for row in rows] == [
        "",
        "no such file",
        "can't be read: File name too long",
        "no such file",
    ]


def test_lists_ended_by_nul_keep_every_byte(models: Path, draw: Draw, tmp_path: Path) -> None:
    names = [" ", "end\r", "two\nlines"]
    for name in names:
        draw("a.png", "red").rename(tmp_path / name)
    listed = "\0".join(str(tmp_path / name) for name in names)
    done = subprocess.run(
        command(models, "-"), cwd=ROOT, input=listed.encode(), capture_output=True
    )
    assert done.returncode == 0, done.stderr


def test_a_file_deleted_on_the_way_is_a_row_and_its_copy_a_line(
    aligned: Aligned, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = draw("photos/00.png", "red")
    for index in range(1, 100):
        draw(f"photos/{index:02}.png", "red")
    rows = module.Outcome.rows

    def delete(outcome: module.Outcome) -> Iterator[Any]:
        if outcome.file == first:  # read, and not yet copied; of the last ones none is read
            for name in ("00", "98", "99"):
                (tmp_path / f"photos/{name}.png").unlink()
        return rows(outcome)

    monkeypatch.setattr(module.Outcome, "rows", delete)
    result = aligned(first.parent, "--csv", tmp_path / "o.csv", "--annotate", tmp_path / "marked")
    assert result.exit_code == 1
    assert [name for name, error in errors(tmp_path / "o.csv").items() if error] == [
        "98.png",
        "99.png",
    ]
    assert f"1 marked copies not written, first {first}: no such file" in result.stderr
    assert len(list((tmp_path / "marked").iterdir())) == 97


def test_copies_that_cannot_be_written(aligned: Aligned, draw: Draw, tmp_path: Path) -> None:
    """A folder that cannot be: known at once. One of its folders: the rest is done."""
    draw("photos/a/1.jpg", "red"), draw("photos/b/2.jpg", "red")
    photos, out, marked = tmp_path / "photos", tmp_path / "out.csv", tmp_path / "marked"
    marked.touch()
    for folder in (marked, marked / "below", "/proc/marked"):
        result = aligned(photos, "--csv", out, "--annotate", folder)
        assert result.exit_code == 2
        assert str(folder) in result.stderr and len(result.stderr.splitlines()) == 1
        assert not out.exists()
    marked.unlink()
    marked.mkdir()
    (marked / "a").touch()
    result = aligned(photos, "--csv", out, "--annotate", marked)
    assert result.exit_code == 1
    assert "1 marked copies not written, first" in result.stderr
    assert len(rows_of(out)) == 2 and (marked / "b" / "2.jpg").is_file()
    (marked / "a").unlink()
    assert aligned(photos, "--csv", out, "--annotate", marked, "--resume").exit_code == 0
    assert (marked / "a" / "1.jpg").is_file()
    assert len(rows_of(out)) == 2


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("form", ["--table", "--csv"])
def test_any_name_on_any_terminal(
    models: Path, draw: Draw, tmp_path: Path, encoding: str, form: str
) -> None:
    """No traceback, nothing that the terminal would obey; CSV has the bytes of the name."""
    names = [NOT_UTF8, "\u5f20\u4e09.png", "caf\u00e9.png"]
    folder = tmp_path / "photos"
    for name in names:
        draw("photos/x.png", "red").rename(folder / name)
    (folder / f"broken{NOT_UTF8}").write_text("not an image")
    environment = os.environ | {"PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    arguments = [folder, form] + (["-"] if form == "--csv" else [])
    done = subprocess.run(
        command(models, *arguments, "--annotate", tmp_path / NOT_UTF8),
        cwd=ROOT, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    if form == "--csv":
        assert all(os.fsencode(name) in done.stdout for name in names)
    else:
        assert b"\x1b" not in done.stdout
    gone = subprocess.run(
        command(models, tmp_path / f"gone{NOT_UTF8}"),
        cwd=ROOT, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert gone.returncode == 2
    assert gone.stderr.startswith(b"error: no such file or folder: ")
    assert b"\x1b" not in gone.stderr and len(gone.stderr.splitlines()) == 1


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


def test_csv_of_names_from_anywhere() -> None:
    row = dict.fromkeys(HEADER.split(",")) | {"file": "=cmd;@x\r.jpg", "p_man": 1e-7}
    text = csv_text([row])
    assert text == f'{HEADER}\n"./=cmd;@x\r.jpg",,,,,,,0.000000,,\n'
    assert next(csv.DictReader(io.StringIO(text, newline="")))["file"] == "./=cmd;@x\r.jpg"
    assert written_name("plain.jpg") == "plain.jpg" and written_name("/=x") == "/=x"


def test_each_file_once_however_it_is_named(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = draw("photos/a/1.png", "red")
    (tmp_path / "photos/a/parent").symlink_to(tmp_path / "photos")
    (tmp_path / "link").symlink_to(tmp_path / "photos/a")
    (tmp_path / "photos/a/link.png").symlink_to(photo)  # another name in a folder is another file
    monkeypatch.chdir(tmp_path)
    given = [
        photo,
        Path("photos"),
        Path("photos/a/1.png"),
        tmp_path / "link",
        Path("photos/*/*.png"),
    ]
    assert expand(given).files == [photo, Path("photos/a/link.png")]


def test_hidden_and_service_folders_are_passed_over(
    draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", ".thumbnails", "@eaDir", "#recycle"):
        draw(f"photos/{folder}/1.png", "red")
    draw("photos/a/.hidden.png", "red")
    monkeypatch.chdir(tmp_path)
    only = [Path("photos/a/1.png")]
    assert expand([Path("photos")]).files == only
    assert expand([Path("photos/**/*.png")]).files == only
    assert expand([Path("photos/.thumbnails")]).files == [Path("photos/.thumbnails/1.png")]
    assert expand([Path("photos/@eaDir/*")]).files == [Path("photos/@eaDir/1.png")]
    assert expand([Path("photos/a/.*.png")]).files == [Path("photos/a/.hidden.png")]


def test_what_is_passed_over_is_said(
    aligned: Aligned, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that cannot be opened counts as not read. (Root can open all: it is simulated.)"""
    folder = draw("photos/a.png", "red").parent
    for name in ("1.heic", "2.HEIC", "3.dng", "notes.txt"):
        (folder / name).touch()
    (folder / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(listing.os, "scandir", refuse)
    monkeypatch.setattr("data.images.reads_heif", lambda: False)
    result = aligned(folder, "--csv", "-")
    assert result.exit_code == 1
    kinds, unopened, *_ = result.stderr.splitlines()
    assert kinds == (
        "passed over pictures of other kinds: 2 .heic (install the package pillow-heif to read "
        "them), 1 .dng (convert them to JPEG first)"
    )
    assert unopened == f"folders that cannot be opened: {folder}/closed (Permission denied)"


def test_a_log_hears_how_far_a_long_run_is(
    aligned: Aligned, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.progress._FIRST", 0.0)
    monkeypatch.setattr("data.progress._NEXT", 0.0)
    files = [draw(name, "red") for name in ("a.png", "b.png", "c.png")]
    lines = aligned(*files).stderr.splitlines()
    assert lines[:2] == ["classifying: 1 of 3", "classifying: 2 of 3, 0 s left"]


def test_threads_are_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock = [0], [0], threading.Lock()

    def prepare(_: Path) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.005)
        with lock:
            running[0] -= 1
        return SimpleNamespace(faces=[])

    classifier: Any = SimpleNamespace(prepare=prepare, label=lambda found: [[] for _ in found])
    files = [Path(f"{index}.jpg") for index in range(60)]
    for threads, allowed in ((3, 3), (1, 1), (None, 2)):
        monkeypatch.setattr(module, "default_threads", lambda: 2)
        most[0] = 0
        assert len(list(module.outcomes(classifier, files, threads))) == 60
        assert most[0] == allowed


def test_large_pictures_share_the_memory(
    draw: Draw, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Sixteen threads, room for two pictures: never more than two at a time."""
    files = [draw(f"{index}.png", "red", (100, 100)) for index in range(24)]
    monkeypatch.setattr("data.images._ROOM", DecodingRoom(2 * 16 * 100 * 100 + 2000))
    running, most, lock = [0], [0], threading.Lock()

    def prepare(_: Path) -> Any:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01)
        with lock:
            running[0] -= 1
        return SimpleNamespace(faces=[])

    classifier: Any = SimpleNamespace(prepare=prepare, label=lambda found: [[] for _ in found])
    assert len(list(module.outcomes(classifier, files, 16))) == 24
    assert most[0] == 2
