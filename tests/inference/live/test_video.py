"""Videos as they are read: kinds, times, rotation, and what is damaged or hostile."""

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_faces import SIZE, frame, write_video
from PIL import Image, ImageChops, ImageStat

from inference.errors import VideoError
from inference.live import video
from inference.live.video import Every, Frame, container_of, has_video_name, open_video


def read(path: Path, every: str = "1") -> list[Frame]:
    with open_video(path, threads=1) as opened:
        return list(opened.frames(Every.parse(every)))


def refusal(path: Path) -> str:
    with pytest.raises(VideoError) as error:
        read(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def difference(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [
        ("a.mp4", "mpeg4", "mov"),
        ("a.mov", "libx264", "mov"),
        ("a.mkv", "mpeg4", "matroska"),
        ("a.webm", "libvpx", "matroska"),
        ("a.avi", "mpeg4", "avi"),
        ("a.ts", "mpeg4", "mpegts"),
    ],
)
def test_kinds_are_known_by_content(
    name: str, codec: str, kind: str, portraits: list[Image.Image], tmp_path: Path
) -> None:
    drawn = [frame(portraits[0], number) for number in range(4)]
    path = write_video(tmp_path / name, drawn, codec=codec)
    path = path.rename(tmp_path / "called.jpg")
    assert container_of(path) == kind
    frames = read(path)
    assert [one.number for one in frames] == [0, 1, 2, 3]
    assert [one.seconds for one in frames] == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.002)
    assert difference(frames[3].image, drawn[3]) < 6


def test_what_is_no_video_is_none(portraits: list[Image.Image], tmp_path: Path) -> None:
    for name in ("a.jpg", "a.gif", "a.webp", "a.png", "a.avif", "a.tif"):
        portraits[0].save(tmp_path / name)
        assert container_of(tmp_path / name) is None, name
    for name, content in {"m3u8": b"#EXTM3U\n", "concat": b"ffconcat version 1.0\n"}.items():
        (tmp_path / name).write_bytes(content + b"file /etc/passwd\n")
        assert container_of(tmp_path / name) is None
        assert refusal(tmp_path / name).startswith("not a video")
    assert container_of(tmp_path) is None
    assert has_video_name(Path("a.MKV"))
    assert not has_video_name(Path("a.jpg"))


def test_variable_frame_rates_are_read_by_time(
    portraits: list[Image.Image], tmp_path: Path
) -> None:
    times = [0, 0.04, 0.5, 0.54, 2.0]
    drawn = [frame(portraits[0], number) for number in range(5)]
    path = write_video(tmp_path / "vfr.mp4", drawn, times.__getitem__)
    assert [one.seconds for one in read(path)] == pytest.approx(times, abs=0.002)
    assert [one.number for one in read(path, "0.5s")] == [0, 2, 4]
    assert [one.number for one in read(path, "2")] == [0, 2, 4]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_respected(rotation: int, portraits: list[Image.Image], tmp_path: Path) -> None:
    upright = frame(portraits[0], 0)
    lying = upright.rotate(-rotation, expand=True)  # as the sensor has it
    path = write_video(tmp_path / "phone.mp4", [lying] * 2, rotation=rotation)
    [first, _] = read(path)
    assert first.image.size == SIZE
    assert difference(first.image, upright) < 6


def test_a_video_without_its_end_gives_its_frames_and_one_line(
    portraits: list[Image.Image], tmp_path: Path
) -> None:
    drawn = [frame(portraits[index % 6], index % 9) for index in range(60)]
    whole = write_video(tmp_path / "whole.mkv", drawn).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    frames = []
    with open_video(cut) as opened, pytest.raises(VideoError, match="broken off: it ends after"):
        for one in opened.frames():
            frames.append(one)
    assert 10 < len(frames) < 50


def test_damaged_files_are_one_line(walk: Path, tmp_path: Path) -> None:
    content, cut = walk.read_bytes(), tmp_path / "cut.mp4"
    for end in (12, 100, len(content) // 2, len(content) - 400):
        cut.write_bytes(content[:end])
        assert "damaged" in refusal(cut) or "no frame" in refusal(cut)
    assert refusal(tmp_path / "missing.mp4").startswith("not a video")


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_change_of_bytes_is_frames_or_one_line(
    data: st.DataObject, walk: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(walk.read_bytes())
    for _ in range(data.draw(st.integers(1, 30))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "damaged.mp4"
    path.write_bytes(content)
    try:
        frames = read(path)
    except VideoError as error:
        assert "\n" not in str(error)
    else:
        seconds = [one.seconds for one in frames]
        assert seconds == sorted(seconds)


def test_huge_frames_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.y4m"
    path.write_bytes(b"YUV4MPEG2 W8000 H6000 F25:1 Ip C420\nFRAME\n")
    assert refusal(path) == "frames of 48 megapixels are too large: the limit is 36"


def test_long_videos_are_refused(walk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "MAX_FRAMES", 5)
    assert refusal(walk).startswith("too long: the limits are 6 hours and 5 frames")
    monkeypatch.setattr(video, "MAX_SECONDS", 0.5)
    assert refusal(walk).startswith("too long: ")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 8000
        output.mux(stream.encode(sound))
        output.mux(stream.encode(None))
    assert refusal(path) == "there is no video in it"


@pytest.mark.parametrize("text", ["", "0", "-1", "s", "0s", "nans", "infs", "1.5", "1m", "9" * 30])
def test_every_is_frames_or_seconds(text: str) -> None:
    with pytest.raises(ValueError, match="neither a number of frames"):
        Every.parse(text)
