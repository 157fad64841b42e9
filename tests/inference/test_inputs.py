"""Which files are read: those named, listed or matched, and images in folders."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from predict_command import ROOT, Aligned, Draw, command

from data import listing
from inference.inputs import expand


def test_folders_are_searched_in_order_and_hidden_files_passed_over(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/c.webp", "a/._c.jpg", ".DS_Store", "a/readme.md", "d.jpg/e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in expand([tmp_path]).files]
    assert names == ["a/c.webp", "b.JPG", "d.jpg/e.png"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_a_list_on_standard_input(models: Path, photos: Path, end: str) -> None:
    listed = end.join(map(str, (photos / "z.jpg", photos / "day one"))) + end
    command = [sys.executable, "-m", "inference", "predict", "-", "--models", str(models)]
    done = subprocess.run(command, cwd=ROOT, input=listed.encode(), capture_output=True)
    names = [Path(row["file"]).name for row in csv.DictReader(io.StringIO(done.stdout.decode()))]
    assert names == ["z.jpg", "empty.jpg"]
    assert done.returncode == 1


def test_patterns_that_the_shell_left_alone(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    assert expand([Path("**/*.jpg")]).files == [Path("day one/empty.jpg"), Path("z.jpg")]
    assert expand([photos / "*.png"]).files == [photos / "group.png"]
    (photos / "a[1].jpg").touch()
    assert expand([Path("a[1].jpg")]).files == [Path("a[1].jpg")]


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
