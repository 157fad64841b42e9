"""A run of `predict`: its rows, what goes wrong on the way, and how it is resumed."""

import csv
import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from predict_command import (
    ROOT,
    Aligned,
    Draw,
    assert_refused,
    command,
    predict,
    rows_of,
    rows_of_output,
)
from tiny_bundles import HAIR, SEVERAL, add_models

from data import GENDER, Label
from data.labels import column
from data.spreadsheets import harmless
from inference.predict.outcomes import Outcome
from inference.predict.rows import BOX, csv_columns

HEADER = ",".join(csv_columns([GENDER]))


def test_one_row_a_face(models: Path, draw: Callable[..., Path], tmp_path: Path) -> None:
    red, blue = draw("red.png", "red"), draw("blue, \n odd.png", "blue", (8, 9))
    out = tmp_path / "out.csv"
    result = predict(red, blue, "--aligned", "--models", models, "--csv", out)
    assert result.exit_code == 0, result.stderr
    assert "2 files: 2 faces, 0 could not be read" in result.stderr
    assert out.read_text().splitlines()[0] == HEADER
    first, second = rows_of(out)
    assert first == {
        "file": str(red),
        "face": "0",
        "left": "0",
        "top": "0",
        "right": "30",
        "bottom": "40",
        "detection_score": "",
        "p_man": "1.000000",
        "label": "man",
        "error": "",
    }
    assert (second["file"], second["right"], second["label"]) == (str(blue), "8", "woman")


def test_unreadable_files_get_a_row_and_the_others_are_done(
    models: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    folder = draw("photos/a/red.png", "red").parents[1]
    draw("photos/z.png", "blue")
    (folder / "broken.jpg").write_text("not an image")
    (folder / "empty.jpg").touch()
    (folder / "notes.txt").write_text("passed over")
    out = tmp_path / "out.csv"
    result = predict(folder, "--aligned", "--models", models, "--csv", out)
    assert result.exit_code == 1
    assert "4 files: 2 faces, 2 could not be read" in result.stderr
    rows = rows_of(out)
    assert [Path(row["file"]).name for row in rows] == [
        "red.png",
        "broken.jpg",
        "empty.jpg",
        "z.png",
    ]
    errors = [row["error"] for row in rows]
    assert not errors[0] and errors[1] and errors[2] and not errors[3]
    assert str(tmp_path) not in "".join(errors)
    assert {rows[1][name] for name in HEADER.split(",")[1:-1]} == {""}


def test_a_named_file_is_tried_whatever_its_name(
    models: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    odd = draw("red.png", "red").rename(tmp_path / "portrait.dat")
    result = predict(odd, "--aligned", "--models", models)
    assert result.exit_code == 0
    assert next(csv.DictReader(io.StringIO(result.stdout)))["label"] == "man"


def test_many_files_stay_in_order(models: Path, draw: Callable[..., Path], tmp_path: Path) -> None:
    colors = ["red" if index % 3 else "blue" for index in range(300)]
    for index, color in enumerate(colors):
        draw(f"many/{index:03}.png", color, (4, 4))
    out = tmp_path / "out.csv"
    assert predict(tmp_path / "many", "--aligned", "--models", models, "--csv", out).exit_code == 0
    expected = ["man" if color == "red" else "woman" for color in colors]
    assert [row["label"] for row in rows_of(out)] == expected


def test_an_interrupted_run_leaves_no_half_file(
    models: Path, draw: Callable[..., Path], tmp_path: Path
) -> None:
    """The complete output of the run before stays, and what is done is kept beside it."""
    first, out = draw("a.png", "red"), tmp_path / "out.csv"
    run = ["predict", "--aligned", str(first), "--models", str(models), "--csv", str(out)]
    assert predict(*run[1:]).exit_code == 0
    old = out.read_text()
    arguments = [*run, str(draw("b.png", "blue"))]
    code = (
        "import sys; from inference.predict.outcomes import Outcome\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "Outcome.rows = stop\n"
        "from inference.__main__ import app; app(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True)
    assert done.returncode == 130
    assert done.stderr.decode() == "interrupted: the same command with --resume goes on\n"
    assert out.read_text() == old
    assert predict(*arguments[1:], "--resume").exit_code == 0
    assert [row["label"] for row in rows_of(out)] == ["man", "woman"]


def test_a_row_a_face_by_rows_from_the_top(models: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = predict(photos, "--models", models, "--csv", out)
    assert result.exit_code == 1
    assert "3 files: 6 faces, 1 could not be read" in result.stderr
    empty, *faces, broken = rows_of(out)
    assert (empty["error"], empty["face"]) == ("no face found", "")
    assert broken["error"]
    assert [face["face"] for face in faces] == list("012345")
    upper, lower = (
        [face for face in faces if (int(face["bottom"]) < 400) is above] for above in (True, False)
    )
    assert faces == upper + lower and upper and lower
    for row in (upper, lower):
        assert row == sorted(row, key=lambda face: int(face["left"]))
    for face in faces:
        left, top, right, bottom = (int(face[side]) for side in BOX)
        assert 0 <= left < right <= 900 and 0 <= top < bottom <= 640
        assert 0.6 < float(face["detection_score"]) <= 1
        assert face["label"] in ("woman", "man", "uncertain")


def test_boxes_are_in_pixels_of_the_upright_picture(
    models: Path, group: Image.Image, tmp_path: Path
) -> None:
    """A large JPEG, lying on its side by EXIF, is read at a fraction: the boxes are not."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = group.resize((3600, 2560)).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "large.jpg", exif=exif)
    group.save(tmp_path / "small.png")
    rows = predict(tmp_path / "large.jpg", tmp_path / "small.png", "--models", models).stdout
    boxes: dict[str, list[list[int]]] = {}
    for row in csv.DictReader(io.StringIO(rows)):
        box = [int(row[side]) for side in BOX]
        boxes.setdefault(Path(row["file"]).name, []).append(box)
    large, small = (sorted(boxes[name]) for name in ("large.jpg", "small.png"))
    for big, little in zip(large, small, strict=True):
        assert [side / 4 for side in big] == pytest.approx(little, abs=12)


def test_a_photo_on_its_side_is_answered_as_the_upright_one(
    models: Path, group: Image.Image, tmp_path: Path
) -> None:
    """Without EXIF: boxes in pixels of the picture as it is, the same answers."""
    photos = tmp_path / "photos"
    photos.mkdir()
    group.save(photos / "upright.png")
    group.transpose(Image.Transpose.ROTATE_90).save(photos / "side.png")
    rows = rows_of_output(predict(photos, "--models", models).stdout)
    side, upright = rows["side.png"], rows["upright.png"]
    assert len(side) == len(upright) == 6
    turned_back = sorted(
        ([900 - row["bottom"], row["left"], 900 - row["top"], row["right"]], row) for row in side
    )
    for (box, row), same in zip(
        turned_back, sorted(upright, key=lambda row: row["left"]), strict=True
    ):
        assert box == pytest.approx([same[edge] for edge in BOX], abs=8)
        assert row["p_man"] == pytest.approx(same["p_man"], abs=0.1)


def test_small_faces_of_a_large_photo(
    models: Path, portraits: list[Image.Image], tmp_path: Path
) -> None:
    picture = Image.new("RGB", (4000, 3000), (90, 110, 130))
    places = [(300 + 600 * index, 250 + 450 * index) for index in range(6)]
    for place, portrait in zip(places, portraits, strict=True):
        picture.paste(portrait.resize((48, 59), Image.Resampling.LANCZOS), place)
    picture.save(tmp_path / "large.jpg", quality=92)
    command = (tmp_path / "large.jpg", "--models", models)
    assert "no face found" in predict(*command).stdout
    rows = rows_of_output(predict(*command, "--small-faces").stdout)["large.jpg"]
    assert [(row["left"], row["top"]) for row in rows] == [
        pytest.approx((x + 12, y + 17), abs=10) for x, y in places
    ]


def test_the_limit_on_faces(models: Path, photos: Path) -> None:
    result = predict(photos / "group.png", "--models", models, "--max-faces", 2)
    assert len(result.stdout.splitlines()) == 1 + 2


def test_resume_does_only_what_is_missing(models: Path, photos: Path, tmp_path: Path) -> None:
    targets: list[Any] = ["--csv", tmp_path / "o.csv", "--jsonl", tmp_path / "o.jsonl"]
    predict(photos, "--models", models, *targets)
    table, lines = targets[1::2]
    whole = {path: path.read_text() for path in (table, lines)}
    assert len(whole[lines].splitlines()) == 1 + 6 + 1  # of empty.jpg, of group.png, of z.jpg
    done = set()
    for keep in (*range(0, len(whole[table]), 97), len(whole[table])):
        table.write_text(whole[table][: max(keep, len(HEADER) + 1)])
        lines.write_text(whole[lines][: 3 * keep])
        rows = min(table.read_text().count("\n") - 1, lines.read_text().count("\n"))
        result = predict(photos, "--models", models, *targets, "--resume")
        assert result.exit_code in (0, 1), result.stderr
        assert {path: path.read_text() for path in whole} == whole
        # A file is finished when a row of the next one is there; z.jpg is tried each time.
        done.add(files := int(result.stderr.split(" files:")[0].split()[-1]))
        assert files <= 3 - (rows > 1) - (rows > 7)
    assert done == {1, 2, 3}


def test_a_killed_run_is_resumed(models: Path, photos: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "many", tmp_path / "out.csv"
    folder.mkdir()
    for index in range(400):
        os.link(photos / "day one" / "empty.jpg", folder / f"{index:03}.jpg")
    command = [sys.executable, "-m", "inference", "predict", folder, "--models", models]
    process = subprocess.Popen([*command, "--csv", out, "--resume"], cwd=ROOT)
    part = tmp_path / ".out.csv.part"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (part.is_file() and part.stat().st_size > 2000):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert part.is_file() and not out.exists()
    result = predict(folder, "--models", models, "--csv", out, "--resume")
    assert int(result.stderr.split(" files:")[0].split()[-1]) < 400
    assert [Path(row["file"]).name for row in rows_of(out)] == [f"{i:03}.jpg" for i in range(400)]
    assert not part.exists()


def test_two_outputs_in_one_file_are_refused(aligned: Aligned, draw: Draw, tmp_path: Path) -> None:
    out, link = tmp_path / "out.csv", tmp_path / "link.csv"
    link.symlink_to(out)
    for other in (out, link, tmp_path / "out.csv.run.json"):
        result = aligned(draw("a.png", "red"), "--csv", out, "--jsonl", other)
        assert_refused(result, "two outputs would be written to the same file")


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


def test_a_file_deleted_on_the_way_is_a_row_and_its_copy_a_line(
    aligned: Aligned, draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = draw("photos/00.png", "red")
    for index in range(1, 100):
        draw(f"photos/{index:02}.png", "red")
    rows = Outcome.rows

    def delete(outcome: Outcome, labels: Any) -> Iterator[Any]:
        if outcome.file == first:  # read, and not yet copied; of the last ones none is read
            for name in ("00", "98", "99"):
                (tmp_path / f"photos/{name}.png").unlink()
        return rows(outcome, labels)

    monkeypatch.setattr(Outcome, "rows", delete)
    result = aligned(first.parent, "--csv", tmp_path / "o.csv", "--annotate", tmp_path / "marked")
    assert result.exit_code == 1
    assert [name for name, error in errors(tmp_path / "o.csv").items() if error] == [
        "98.png",
        "99.png",
    ]
    assert f"1 marked copies not written, first {first}: no such file" in result.stderr
    assert len(list((tmp_path / "marked").iterdir())) == 97


def test_a_log_hears_how_far_a_long_run_is(
    aligned: Aligned, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.progress._FIRST", 0.0)
    monkeypatch.setattr("data.progress._NEXT", 0.0)
    files = [draw(name, "red") for name in ("a.png", "b.png", "c.png")]
    lines = aligned(*files).stderr.splitlines()
    assert lines[:2] == ["classifying: 1 of 3", "classifying: 2 of 3, 0 s left"]


ODD = (
    Label(name="=1+1", classes=("@no", '<b>"yes"</b>')),
    Label(name="[red]x, y", classes=("[bold]", "b;c", "-2")),
)


@pytest.mark.parametrize("of", [(HAIR,), SEVERAL, ODD], ids=["many", "several", "odd"])
def test_a_model_of_any_labels(of: tuple[Label, ...], draw: Draw, tmp_path: Path) -> None:
    """Rows, lines, a table, marked copies, and going on."""
    models, out, lines = add_models(tmp_path, of), tmp_path / "out.csv", tmp_path / "out.jsonl"
    files = [draw("a.png", "red"), draw("b.png", "#0000ff")]
    options = ("--aligned", "--models", models)
    (tmp_path / "broken.png").write_text("not an image")
    given = (*files, tmp_path / "broken.png", *options)
    targets = ("--csv", out, "--jsonl", lines, "--annotate", tmp_path / "marked")
    assert predict(*given, *targets).exit_code == 1
    assert list(rows_of(out)[0]) == csv_columns(of)
    said = [json.loads(line) for line in lines.read_text().splitlines()]
    for row, whole in zip(rows_of(out), said, strict=True):
        for label in of:
            name = column("label", label, of)
            assert row[name] == harmless(whole[name] or "")
            assert whole[name] in (None, "uncertain", *label.classes)
    first = [said[0][column(f"p_{name}", of[-1], of)] for name in of[-1].classes]
    assert sum(first) == pytest.approx(1, abs=1e-5) and first[0] > 0.99
    whole = out.read_bytes()
    assert predict(*given, *targets, "--resume").exit_code == 1
    assert out.read_bytes() == whole
    table = predict(*given, "--table").stdout
    assert of[-1].name.split()[0].strip(",") in table and "100%" in table


def test_a_table_has_room_for_few_labels(draw: Draw, tmp_path: Path) -> None:
    labels = tuple(Label(name=f"label{n}", classes=("no", "yes")) for n in range(9))
    options = ("--aligned", "--models", add_models(tmp_path, labels), "--table")
    result = predict(draw("a.png", "red"), *options)
    assert result.exit_code == 0, result.stderr
    assert "3 more labels: --csv or --jsonl has them" in result.stdout
