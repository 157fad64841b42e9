"""`predict` with the real detector: the files, forms and ways in."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageColor
from test_predict import ROOT, predict, rows_of

from data import decode
from inference import Classifier, whole_image
from inference.annotation import COLORS
from inference.detection.alignment import LEAST_QUALITY
from inference.inputs import expand
from inference.predict.outputs import FIELDS, JSON_FIELDS


@pytest.fixture
def photos(tmp_path: Path, group: Image.Image) -> Path:
    """A folder with a group of six, an empty picture and a broken one."""
    folder = tmp_path / "photos"
    (folder / "day one").mkdir(parents=True)
    group.save(folder / "group.png")
    Image.new("RGB", (300, 200), "green").save(folder / "day one" / "empty.jpg")
    (folder / "z.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def test_a_row_a_face_from_left_to_right(models: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = predict(photos, "--models", models, "--csv", out)
    assert result.exit_code == 1
    assert "3 files: 6 faces, 1 could not be read" in result.stderr
    empty, *faces, broken = rows_of(out)
    assert (empty["error"], empty["face"]) == ("no face found", "")
    assert broken["error"]
    assert [face["face"] for face in faces] == list("012345")
    lefts = [int(face["left"]) for face in faces]
    assert lefts == sorted(lefts)
    for face in faces:
        left, top, right, bottom = (int(face[side]) for side in FIELDS[2:6])
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
        box = [int(row[side]) for side in FIELDS[2:6]]
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
        assert box == pytest.approx([same[edge] for edge in FIELDS[2:6]], abs=8)
        assert row["p_man"] == pytest.approx(same["p_man"], abs=0.1)


def rows_of_output(output: str) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in csv.DictReader(io.StringIO(output)):
        numbers = {name: int(row[name]) for name in FIELDS[2:6]} | {"p_man": float(row["p_man"])}
        rows.setdefault(Path(row["file"]).name, []).append(row | numbers)
    return rows


def test_a_face_of_little_quality_is_uncertain_whatever_the_model_says(
    models: Path, portraits: list[Image.Image]
) -> None:
    """A man to the model (red) both times, but one lies head down."""
    red = [
        Image.blend(p.convert("L").convert("RGB"), Image.new("RGB", p.size, "red"), 0.3)
        for p in portraits
    ]
    lying = red[5].resize((356, 436)).convert("RGBA")
    lying = lying.rotate(110, Image.Resampling.BICUBIC, expand=True)
    picture = Image.new("RGB", (700, 500), "red")
    picture.paste(red[0].resize((300, 367)), (10, 30))
    picture.paste(lying, (330, 20), lying)
    upright, lies = Classifier.load(models).predict(picture)
    assert upright.label == "man" and upright.quality is not None and upright.quality > 0.9
    assert lies.label == "uncertain" and lies.p_man > 0.9
    assert lies.quality is not None and lies.quality < LEAST_QUALITY
    [whole] = Classifier.load(models, finder=whole_image).predict(red[0])
    assert whole.label == "man" and whole.quality is None


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


def test_small_faces_of_aligned_pictures_is_wrong_usage(models: Path, photos: Path) -> None:
    result = predict(photos, "--models", models, "--aligned", "--small-faces")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and "--small-faces" in result.stderr


def test_the_limit_on_faces(models: Path, photos: Path) -> None:
    result = predict(photos / "group.png", "--models", models, "--max-faces", 2)
    assert len(result.stdout.splitlines()) == 1 + 2


def test_csv_and_json_lines_say_the_same(models: Path, photos: Path, tmp_path: Path) -> None:
    out, lines = tmp_path / "out.csv", tmp_path / "out.jsonl"
    predict(photos, "--models", models, "--csv", out, "--jsonl", lines)
    objects = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(objects) == 8
    for row, whole in zip(rows_of(out), objects, strict=True):
        assert list(whole) == JSON_FIELDS
        assert row["file"] == whole["file"]
        assert row["error"] == whole["error"]
        if not whole["error"]:
            assert float(row["p_man"]) == whole["p_man"]
            assert int(row["left"]) == whole["left"]


def test_the_table_shows_answers_and_errors(models: Path, photos: Path) -> None:
    result = predict(photos / "group.png", photos / "z.jpg", "--models", models, "--table")
    assert result.stdout.count("%") == 6
    assert "not an image" in result.stdout


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv", "-", "--jsonl", "-"], "only one of"),
        (["--resume"], "--resume goes on with a file"),
        (["--resume", "--csv", "{foreign}"], "was not written by `predict`"),
        (["--resume", "--jsonl", "{foreign}"], "was not written by `predict`"),
    ],
)
def test_outputs_that_cannot_be(
    models: Path, photos: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("name,age\nx,3\ny,4\n")
    given = (argument.format(foreign=foreign) for argument in arguments)
    result = predict(photos, "--models", models, *given)
    assert result.exit_code == 2
    assert message in result.stderr
    assert foreign.read_text() == "name,age\nx,3\ny,4\n"


def test_resume_does_only_what_is_missing(models: Path, photos: Path, tmp_path: Path) -> None:
    targets: list[Any] = ["--csv", tmp_path / "o.csv", "--jsonl", tmp_path / "o.jsonl"]
    predict(photos, "--models", models, *targets)
    table, lines = targets[1::2]
    whole = {path: path.read_text() for path in (table, lines)}
    assert len(whole[lines].splitlines()) == 1 + 6 + 1  # of empty.jpg, of group.png, of z.jpg
    done = set()
    for keep in (*range(0, len(whole[table]), 97), len(whole[table])):
        table.write_text(whole[table][: max(keep, len(",".join(FIELDS)) + 1)])
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
