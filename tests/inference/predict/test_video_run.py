"""The `predict` command on videos and cameras."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest
from PIL import Image
from predict_command import ROOT, assert_refused, contents, predict, rows_of

from inference.live import camera
from inference.predict import video_run

OLD = "file,face,left,top,right,bottom,detection_score,p_man,label,error"
WAY = 12


def frames(portraits: list[Image.Image], count: int) -> list[Image.Image]:
    """A face that walks to the right and back, and one that stays."""
    drawn = []
    for number in range(count):
        picture = Image.new("RGB", (500, 260), (120, 150, 120))
        picture.paste(portraits[3], (310, 20))
        picture.paste(portraits[0], (WAY * abs((number + 10) % 20 - 10), 20))
        drawn.append(picture)
    return drawn


def encode(path: Path, drawn: list[Image.Image]) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height = drawn[0].size
        stream.pix_fmt, stream.codec_context.bit_rate = "yuv420p", 4_000_000
        for image in drawn:
            output.mux(stream.encode(av.VideoFrame.from_image(image)))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def walk(portraits: list[Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("walk") / "walk.mp4", frames(portraits, 10))


def test_a_row_a_face_and_frame(walk: Path, models: Path, tmp_path: Path) -> None:
    out, lines = tmp_path / "faces.csv", tmp_path / "faces.jsonl"
    result = predict(walk, "--csv", out, "--jsonl", lines, "--models", models)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("1 video: 10 frames in ")
    assert "20 faces in 2 tracks, 0 could not be read" in result.stderr
    assert out.read_text().splitlines()[0] == f"{OLD},frame,seconds,track"
    rows = rows_of(out)
    assert [int(row["frame"]) for row in rows] == [number for number in range(10) for _ in "ab"]
    assert [float(row["seconds"]) for row in rows[::2]] == pytest.approx(
        [n / 10 for n in range(10)]
    )
    assert [row["track"] for row in rows] == ["1", "2"] * 10
    lefts = [int(row["left"]) for row in rows if row["track"] == "1"]
    assert lefts[-1] - lefts[0] == pytest.approx(9 * WAY, abs=6)
    parsed = [json.loads(line) for line in lines.read_text().splitlines()]
    assert list(parsed[0])[-4:] == ["quality", "frame", "seconds", "track"]
    assert [str(row["track"]) for row in parsed] == [row["track"] for row in rows]


def test_pictures_have_the_columns_they_had(models: Path, photos: Path, tmp_path: Path) -> None:
    predict(photos / "group.png", "--csv", tmp_path / "a.csv", "--models", models)
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == OLD


def test_every_thins_the_frames(walk: Path, models: Path) -> None:
    for every, expected in {"4": ["0", "4", "8"], "0.3s": ["0", "3", "6", "9"]}.items():
        output = predict(walk, "--every", every, "--csv", "-", "--models", models).stdout
        rows = [line.split(",") for line in output.splitlines()[1:]]
        assert [row[-3] for row in rows[::2]] == expected
    assert_refused(predict(walk, "--every", "often"), "'often' is neither a number of frames")


def test_a_marked_video_is_written_and_nobodys_file_is_overwritten(
    walk: Path, models: Path, tmp_path: Path
) -> None:
    out, marked = tmp_path / "faces.csv", tmp_path / "marked"
    arguments = (walk, "--csv", out, "--annotate", marked, "--models", models)
    assert predict(*arguments).exit_code == 0
    with av.open(str(marked / "walk.mp4")) as opened:
        seen = [frame.to_image() for frame in opened.decode(video=0)]
        assert opened.duration == pytest.approx(1e6, rel=0.15)
    assert len(seen) == 10 and seen[0].size == (500, 260)
    assert predict(*arguments).exit_code == 0, "it may overwrite its own"
    (marked / "walk.mp4").write_bytes(walk.read_bytes())
    before = contents(tmp_path)
    assert_refused(predict(*arguments), "walk.mp4 is not a copy that `predict` marked")
    result = predict(walk, "--csv", "-", "--annotate", walk.parent, "--models", models)
    assert_refused(result, "walk.mp4 is one of the pictures to read")
    assert contents(tmp_path) == before


def test_a_broken_video_is_a_row_and_the_others_are_done(
    walk: Path, models: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "a\nb.mp4"
    broken.write_bytes(walk.read_bytes()[:3000])
    out = tmp_path / "faces.csv"
    result = predict(broken, walk, "--csv", out, "--models", models)
    assert result.exit_code == 1
    assert r"a\nb.mp4: damaged video: " in result.stderr.splitlines()[0]
    rows = rows_of(out)
    assert rows[0]["error"].startswith("damaged video") and rows[0]["frame"] == ""
    assert len(rows) == 21


def test_a_video_without_faces_has_one_row(models: Path, tmp_path: Path) -> None:
    empty = encode(tmp_path / "empty.mkv", [Image.new("RGB", (64, 64), "green")] * 3)
    result = predict(empty, "--csv", "-", "--models", models)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [f"{empty},,,,,,,,,no face found,,,"]


def test_a_video_is_known_by_content(walk: Path, models: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "photo.jpg"
    renamed.write_bytes(walk.read_bytes())
    result = predict(renamed, "--csv", "-", "--models", models)
    assert result.stdout.startswith(f"{OLD},frame")
    (tmp_path / "notes.mp4").write_text("no video")
    result = predict(tmp_path / "notes.mp4", "--csv", "-", "--models", models)
    assert result.exit_code == 1 and "not an image" in result.stdout


def test_videos_beside_pictures_are_said_not_to_be_read(
    walk: Path, photos: Path, models: Path
) -> None:
    result = predict(photos / "group.png", walk, "--csv", "-", "--models", models)
    assert result.exit_code == 1
    assert "videos are not read beside pictures, and 1 are" in result.stderr
    assert result.stdout.startswith(f"{OLD}\n")


@pytest.mark.parametrize("option", ["--resume", "--aligned", "--small-faces"])
def test_options_of_pictures_are_refused(option: str, walk: Path, models: Path) -> None:
    result = predict(walk, option, "--csv", "faces.csv", "--models", models)
    assert_refused(result, "are for pictures alone")


def test_without_the_package_one_line_says_what_to_install(
    walk: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert_refused(predict(walk, "--models", models), "pip install '.[video]'")
    assert_refused(predict("--camera", "--models", models), "pip install '.[video]'")


def test_a_machine_without_camera_is_one_line(
    walk: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "_DEVICES", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert_refused(predict("--camera", "--models", models), "this machine has no camera")
    (tmp_path / "video0").touch()
    assert_refused(predict("--camera", "7", "--models", models), "camera 7 is not there")
    result = predict("--camera", walk, "--models", models)
    assert_refused(result, "--camera reads a camera and no files")
    busy = predict("--camera", "--csv", tmp_path / "faces.csv", "--models", models)
    assert busy.exit_code == 2 and "camera 0 cannot be used" in busy.stderr


def test_a_camera_is_read_until_it_ends(
    walk: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "device", lambda number: (str(walk), "mov"))
    monkeypatch.setattr(camera, "_SIZE", {})
    result = predict("--camera", "--every", "2", "--csv", "-", "--models", models)
    assert result.exit_code == 0, result.stderr
    assert "reading camera 0: Ctrl-C ends it" in result.stderr
    assert len(result.stdout.splitlines()) == 11
    assert result.stdout.splitlines()[1].startswith("camera-0,0,")


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "inference", "predict", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_keeps_what_is_done(
    portraits: list[Image.Image], models: Path, tmp_path: Path
) -> None:
    long = encode(tmp_path / "long.mp4", frames(portraits, 40) * 25)
    out, marked = tmp_path / "faces.csv", tmp_path / "marked"
    part = tmp_path / ".faces.csv.part"
    with running(long, "--csv", out, "--annotate", marked, "--models", models) as process:
        deadline = time.monotonic() + 60
        while not (part.exists() and part.read_text().count("\n") > 30):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted: what was done until then is kept"
    rows = rows_of(out)
    assert 30 <= len(rows) < 2000 and len({row["frame"] for row in rows}) == len(rows) / 2
    with av.open(str(marked / "long.mp4")) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == len(rows) // 2
    assert not part.exists()


def test_frames_are_read_ahead_within_memory(
    walk: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_run, "_PIXELS_AHEAD", 1)
    result = predict(walk, "--csv", "-", "--models", models)
    assert len(result.stdout.splitlines()) == 21
