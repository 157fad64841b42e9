"""The ZIP of a batch: safe names, nothing lost, in the folder that is swept."""

import io
import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data import GENDER
from inference.demo import marked_zip
from inference.demo.guards.uploads import Uploads
from inference.demo.marked_zip import MarkedPictures, mark, safe_name
from inference.demo.predictions import Batch
from inference.faces import Box, Face, Prediction
from inference.predict.outcomes import Outcome

MAN = Face(0, Box(2, 2, 20, 20), (Prediction(GENDER, (0.1, 0.9), "man"),))


def marked(folder: Path, *outcomes: tuple[str, Outcome]) -> tuple[MarkedPictures, list[str]]:
    """The pictures, and the names in the ZIP."""
    pictures = mark(Batch((GENDER,), list(outcomes)), folder, lambda done, total: None)
    if not pictures.link:
        return pictures, []
    with ZipFile(unquote(pictures.link.partition("file=")[2])) as archive:
        assert archive.testzip() is None
        return pictures, archive.namelist()


@given(st.text(max_size=200))
def test_a_name_leads_nowhere_and_is_a_jpeg_s(name: str) -> None:
    safe = safe_name(name)
    assert safe.lower().endswith((".jpg", ".jpeg")) and len(safe) <= 200
    assert PurePosixPath(safe).parts == PureWindowsPath(safe).parts == (safe,)
    assert not set(safe) & set('<>:"|?*\0\n\r') and not safe.startswith(".")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../../etc/passwd", "passwd.jpg"),
        ("..\\..\\boot.jpg", "boot.jpg"),
        ("/home/me/.ssh/me.jpeg", "me.jpeg"),
        ("..", "picture.jpg"),
        ("", "picture.jpg"),
        ("NUL", "_NUL.jpg"),
        ("a\0b\u202egpj.exe", "abgpj.exe.jpg"),
        ("photo.heic", "photo.heic.jpg"),
        ("x" * 300 + ".jpg", "x" * 80 + ".jpg"),
    ],
)
def test_hostile_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_the_zip_has_every_copy_and_the_csv(tmp_path: Path, draw: Callable[..., Path]) -> None:
    picture = draw("a.png", "red")
    found, empty = Outcome(picture, [MAN]), Outcome(picture, error="no face found")
    broken = Outcome(picture, error="not an image", was_read=False)
    names = ("a/me.jpg", "b/me.jpg", "ME.JPG", "faces.csv")
    outcomes = [(name, found) for name in names] + [("none.png", empty), ("text.txt", broken)]
    pictures, inside = marked(tmp_path, *outcomes)
    assert inside == [
        *("me.jpg", "me (2).jpg", "ME (3).JPG", "faces.csv.jpg", "none.png.jpg", "faces.csv")
    ]
    assert pictures.left_out == 0 and pictures.thumbnails[-1] == ""
    assert pictures.thumbnails[0].startswith('<figure class="marked">')


def test_the_copies_are_marked(tmp_path: Path, draw: Callable[..., Path]) -> None:
    picture = draw("a.png", "red")
    pictures, _ = marked(tmp_path, ("a.png", Outcome(picture, [MAN])))
    assert pictures.link
    with ZipFile(unquote(pictures.link.partition("file=")[2])) as archive:
        copy = Image.open(io.BytesIO(archive.read("a.png.jpg")))
    assert copy.size == Image.open(picture).size
    assert copy.tobytes() != Image.open(picture).convert("RGB").tobytes()


def test_what_there_is_no_room_for_is_counted(
    tmp_path: Path, draw: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = draw("a.png", "red")
    copy, _ = marked_zip._copy(picture, [])
    monkeypatch.setattr(marked_zip, "MAX_ZIP", int(2.5 * len(copy)))
    gone = Outcome(tmp_path / "gone.jpg", error="no face found")
    empty = Outcome(picture, error="no face found")
    pictures, inside = marked(tmp_path, ("gone.jpg", gone), *[("a.jpg", empty)] * 3)
    assert inside == ["a.jpg", "a (2).jpg", "faces.csv"] and pictures.left_out == 2


def test_nothing_is_written_where_nothing_was_read(tmp_path: Path) -> None:
    broken = Outcome(tmp_path / "a", error="not an image", was_read=False)
    assert marked(tmp_path / "uploads", ("a", broken))[0].link is None
    assert not (tmp_path / "uploads").exists()


def test_the_zip_is_served_and_swept_as_uploads_are(
    tmp_path: Path, draw: Callable[..., Path]
) -> None:
    uploads = Uploads(tmp_path / "uploads")
    pictures, _ = marked(uploads.folder, ("a.jpg", Outcome(draw("a.png", "red"), [MAN])))
    assert pictures.link
    file = uploads.find(unquote(pictures.link.partition("file=")[2]))
    uploads.sweep()
    assert file.exists()
    long_ago = time.time() - 3600
    for path in (file, file.parent):
        os.utime(path, (long_ago, long_ago))
    uploads.sweep()
    uploads.sweep()
    assert not file.exists()
