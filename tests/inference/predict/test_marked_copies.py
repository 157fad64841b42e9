"""Copies of pictures with the faces marked: what is drawn, their paths, what they overwrite."""

from pathlib import Path

import pytest
from PIL import Image, ImageColor
from predict_command import (
    Aligned,
    Draw,
    assert_refused,
    contents,
    predict,
    rows_of,
    rows_of_output,
)

from data import decode
from inference.annotation import COLORS
from inference.predict.marked_copies import MarkedCopies


def test_marked_copies(models: Path, photos: Path, tmp_path: Path) -> None:
    marked = tmp_path / "marked"
    predict(photos, "--models", models, "--annotate", marked)
    files = sorted(str(path.relative_to(marked)) for path in marked.rglob("*") if path.is_file())
    assert files == ["day one/empty.jpg", "group.png.jpg"]
    copy, original = decode(marked / "group.png.jpg"), decode(photos / "group.png")
    assert copy.size == original.size
    assert copy.getpixel((5, 320)) == pytest.approx(original.getpixel((5, 320)), abs=20)
    faces = rows_of_output(predict(photos / "group.png", "--models", models).stdout)["group.png"]
    for face in faces:
        edge = (face["left"] + 1, (face["top"] + face["bottom"]) // 2)
        color = ImageColor.getrgb(COLORS[face["label"]])
        assert copy.getpixel(edge) == pytest.approx(color, abs=60)
        assert original.getpixel(edge) != pytest.approx(color, abs=60)


def test_marked_copies_do_not_overwrite_the_pictures(aligned: Aligned, draw: Draw) -> None:
    folder = draw("photos/a.jpg", "red").parent
    draw("photos/sub/b.png", "red")
    before = contents(folder)
    for given in ([folder], [folder / "a.jpg"], [folder / "a.jpg", folder / "sub" / "b.png"]):
        result = aligned(*given, "--annotate", folder, "--csv", folder.parent / "o.csv")
        assert_refused(result, "a.jpg is one of the pictures to read")
    assert contents(folder) == before
    assert not (folder.parent / "o.csv").exists()
    assert aligned(folder, "--annotate", folder, "--csv", "-", "--force").exit_code == 0
    assert contents(folder)[folder / "a.jpg"] != before[folder / "a.jpg"]


def test_marked_copies_overwrite_only_marked_copies(
    aligned: Aligned, draw: Draw, tmp_path: Path
) -> None:
    photo, marked = draw("photos/a.jpg", "red"), tmp_path / "marked"
    for _ in range(2):
        assert aligned(photo, "--annotate", marked).exit_code == 0
    foreign = draw("marked/a.jpg", "blue").read_bytes()
    assert_refused(aligned(photo, "--annotate", marked), "a.jpg is not a copy that `predict`")
    assert (marked / "a.jpg").read_bytes() == foreign
    (marked / "a.jpg").unlink()
    original = draw("original.jpg", "blue").read_bytes()
    (marked / "a.jpg").symlink_to(tmp_path / "original.jpg")
    assert_refused(aligned(photo, "--annotate", marked), "a.jpg is not a copy that `predict`")
    assert (tmp_path / "original.jpg").read_bytes() == original


def test_the_folder_of_copies_inside_the_searched_one_is_passed_over(
    aligned: Aligned, draw: Draw
) -> None:
    folder = draw("photos/a.jpg", "red").parent
    for _ in range(2):
        result = aligned(folder, "--annotate", folder / "marked", "--csv", folder / "o.csv")
        assert result.exit_code == 0, result.stderr
        assert len(rows_of(folder / "o.csv")) == 1
    assert "passed over 1 marked copies" in result.stderr


def test_no_two_files_share_a_marked_copy(aligned: Aligned, draw: Draw, tmp_path: Path) -> None:
    names = ["a.png", "a.png.jpg", "b.jpg", "B.JPG", "b.JPEG", "caf\u00e9.jpg", "cafe\u0301.jpg"]
    for index, name in enumerate(names):
        draw("photos/x.png", "red", (30, 40 + 10 * index)).rename(tmp_path / "photos" / name)
    marked = tmp_path / "marked"
    for _ in range(2):
        assert aligned(tmp_path / "photos", "--annotate", marked, "--csv", "-").exit_code == 0
        copies = [path for path in marked.iterdir() if path.is_file()]
        assert {Image.open(copy).size[1] for copy in copies} == set(range(40, 110, 10))
    assert len({copy.name.casefold() for copy in copies}) == len(names)
    assert Image.open(marked / "a.png.jpg").size[1] == 50


def test_paths_of_copies_are_inside_their_folder(tmp_path: Path) -> None:
    files = [tmp_path / "a" / "x.jpg", tmp_path / "b" / "x.jpg"]
    paths = MarkedCopies.plan(files, Path("marked"), tmp_path / "a").paths
    assert list(paths.values()) == [Path("marked/x.jpg"), Path("marked/__/b/x.jpg")]


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
