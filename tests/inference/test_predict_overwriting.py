"""What `predict` may overwrite: what it wrote itself, and nothing else without --force."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from test_predict import ROOT, predict, rows_of
from typer.testing import Result

from inference.predict.marked_copies import MarkedCopies

Draw = Callable[..., Path]
Aligned = Callable[..., Result]


@pytest.fixture
def aligned(models: Path) -> Aligned:
    return lambda *arguments: predict(*arguments, "--aligned", "--models", models)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(result: Result, message: str) -> None:
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


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
    for colour, label in (("red", "man"), ("blue", "woman")):
        assert aligned(draw("a.png", colour), "--csv", out).exit_code == 0
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


def test_two_outputs_in_one_file_are_refused(aligned: Aligned, draw: Draw, tmp_path: Path) -> None:
    out, link = tmp_path / "out.csv", tmp_path / "link.csv"
    link.symlink_to(out)
    for other in (out, link, tmp_path / "out.csv.run.json"):
        result = aligned(draw("a.png", "red"), "--csv", out, "--jsonl", other)
        assert_refused(result, "two outputs would be written to the same file")


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


def test_the_record_says_which_run_it_was(aligned: Aligned, draw: Draw, tmp_path: Path) -> None:
    aligned(draw("a.png", "red"), "--csv", tmp_path / "out.csv")
    record = json.loads((tmp_path / "out.csv.run.json").read_text())
    settings = record["settings"]
    bundle = json.loads((tmp_path / "models" / "resnet50" / "bundle.json").read_text())
    assert settings["sha256"] == bundle["formats"]["int8"]["sha256"]
    assert (settings["model"], settings["precision"]) == ("resnet50", "int8")
    assert (settings["aligned"], settings["framing"]) == (True, "stretch")
