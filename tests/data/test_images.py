import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from data import (
    FRAMINGS,
    Framing,
    ImageError,
    decode,
    decode_reduced,
    framed,
    is_image_name,
    to_square,
)
from data.images import MAX_BYTES, how_to_read, room_to_decode, upright_size

ROOT = Path(__file__).parents[2]


RED, WHITE = (255, 0, 0), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(width: int = 8, height: int = 6) -> Image.Image:
    pixels = np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)
    return Image.fromarray(pixels)


def test_rgb_pixels_are_kept_from_path_bytes_and_image(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    ramp().save(path)
    for source in (path, path.read_bytes(), ramp()):
        assert np.array_equal(np.asarray(decode(source)), np.asarray(ramp()))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    upright = Image.new("RGB", (40, 24), "blue")
    upright.paste("red", (0, 0, 20, 12))  # Upper left.
    upright.paste("lime", (20, 0, 40, 12))  # Upper right.
    stored_by = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for step in stored_by.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "JPEG"):
        image = decode(
            encoded(stored, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
        )
        assert image.size == (40, 24)
        difference = np.asarray(image).astype(int) - np.asarray(upright)
        assert np.abs(difference[2:8, 4:16]).max() < 12
        assert np.abs(difference[2:8, 26:36]).max() < 12


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_the_upright_size_is_that_of_the_decoded_image(
    kind: str, orientation: int | None, tmp_path: Path
) -> None:
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    path = tmp_path / "image"
    path.write_bytes(encoded(ramp(40, 24), kind, exif=exif))
    assert upright_size(path) == decode(path).size


def test_broken_exif_does_not_matter() -> None:
    content = encoded(ramp(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert decode(content).size == (8, 6)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_white_is_white_in_every_mode(mode: str) -> None:
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(np.full((4, 4), 1 if mode == "F" else 65535, dtype=kind))
    else:
        image = Image.new("RGB", (4, 4), "white").convert(mode)
    content = encoded(image, "TIFF" if mode in ("CMYK", "F") else "PNG")
    assert decode(content).getpixel((1, 1)) == WHITE
    assert decode(image).getpixel((1, 1)) == WHITE


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    levels = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    assert [decode(encoded(Image.fromarray(levels))).getpixel((x, 0)) for x in range(3)] == [
        (0, 0, 0),
        (100, 100, 100),
        WHITE,
    ]


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (*RED, 0))
    assert decode(encoded(clear)).getpixel((0, 0)) == WHITE
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    assert decode(encoded(palette)).getpixel((0, 0)) == RED
    assert decode(encoded(palette, transparency=1)).getpixel((0, 0)) == WHITE
    keyed = encoded(Image.new("RGB", (4, 4), RED), transparency=RED)
    assert decode(keyed).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    red, _, blue = decode(content).getpixel((8, 8))
    assert red > 200 and blue < 60


def test_reasons_are_one_line_without_the_path(tmp_path: Path) -> None:
    whole = encoded(ramp(64, 64), "JPEG")
    contents = {
        "empty": (b"", "empty file"),
        "text": (b"this is a text file, not an image", "not an image"),
        "truncated": (whole[: len(whole) // 2], "truncated"),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    }
    for name, (content, reason) in contents.items():
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(content)
        for source in (path, content):
            with pytest.raises(ImageError, match=reason) as caught:
                decode(source)
            assert str(tmp_path) not in str(caught.value)
            assert "\n" not in str(caught.value)
    for missing, reason in ((tmp_path / "none.jpg", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(ImageError, match=reason):
            decode(missing)


def test_too_many_pixels_are_refused_before_decoding() -> None:
    with pytest.raises(
        ImageError, match=r"too large: 100 x 50 pixels, the limit is 0\.004 million"
    ):
        decode(encoded(Image.new("L", (100, 50))), max_pixels=4000)
    bomb = encoded(Image.new("1", (20_000, 20_000)))
    with pytest.raises(ImageError, match=r"too (many pixels|large)"):
        decode(bomb)


@given(st.binary(max_size=300))
@example(b"\x89PNG\r\n\x1a\n")
@example(b"P6 0 0 255\n")
@example(b"GIF89a")
def test_random_bytes_raise_only_image_errors(content: bytes) -> None:
    with pytest.raises(ImageError):
        decode(content)


SAMPLES = [encoded(ramp(16, 16), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")]


@settings(max_examples=150)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.integers(0, 2000),
)
def test_mutated_images_decode_or_raise_image_errors(
    content: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(content)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    try:
        image = decode(bytes(damaged[: max(1, len(damaged) - cut % 40)]), max_pixels=1_000_000)
    except ImageError as error:
        assert "\n" not in str(error)
    else:
        assert image.mode == "RGB"


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 64), st.sampled_from(FRAMINGS))
def test_square_shape_and_type(width: int, height: int, size: int, framing: Framing) -> None:
    square = to_square(Image.new("RGB", (width, height), (10, 200, 30)), size, framing)
    assert square.shape == (size, size, 3)
    assert square.dtype == np.uint8
    assert (square == (10, 200, 30)).all()


def test_framings() -> None:
    image = Image.new("RGB", (60, 20), "black")
    image.paste("red", (20, 0, 40, 20))
    assert (to_square(image, 8, "crop") == RED).all()
    stretched = to_square(image, 9, "stretch")
    assert (stretched[:, 4] == RED).all() and (stretched[:, [0, 8]] == 0).all()


def test_the_face_of_an_image_in_celebas_frame() -> None:
    image = Image.new("RGB", (178, 218), "black")
    image.paste("red", (23, 52, 155, 184))
    assert (to_square(image, 64, "face")[2:-2, 2:-2] == RED).all()
    left, top, right, bottom = framed(image.size, "face")
    eyes, mouth = ((69, 111), (109, 111)), ((73, 152), (106, 152))
    assert all(left < x < right and top < y < bottom for x, y in eyes + mouth)


@given(st.integers(1, 4000), st.integers(1, 4000), st.sampled_from(FRAMINGS))
def test_what_is_framed_lies_in_the_image(width: int, height: int, framing: Framing) -> None:
    left, top, right, bottom = framed((width, height), framing)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    assert framing == "stretch" or right - left == pytest.approx(bottom - top)


def test_shrinking_antialiases() -> None:
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (64, 32)).repeat(1, 0))
    small = to_square(stripes.convert("RGB"), 8)
    assert np.abs(small.astype(int) - 127).max() < 20


def test_square_wants_rgb_and_a_known_framing() -> None:
    with pytest.raises(ValueError, match="mode 'L'"):
        to_square(Image.new("L", (4, 4)), 8)
    with pytest.raises(ValueError, match="framing='fit'"):
        to_square(ramp(), 8, "fit")  # type: ignore[arg-type]


def test_image_names() -> None:
    assert all(map(is_image_name, ["a.jpg", "a.b.JPEG", "x.png", "x.webp", "x.Tif"]))
    assert all(map(is_image_name, ["a.jpe", "a.MPO", "a.jpg_large", "a.png-large", "a.jpg_orig"]))
    assert not any(map(is_image_name, ["a.txt", "jpg", "._a.jpg", ".jpg", "a.jpg.zip", ""]))
    assert not any(map(is_image_name, ["a_large", "a.txt_large", "a.jpg_", ".jpg_large"]))


@pytest.mark.parametrize(("long_side", "factor"), [(800, 1), (400, 2), (250, 2), (200, 4), (1, 8)])
def test_large_jpegs_are_decoded_at_a_fraction(long_side: int, factor: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    large = Image.linear_gradient("L").resize((800, 601))
    content = encoded(large, "JPEG", exif=exif)
    reduced, found = decode_reduced(content, long_side)
    assert found == factor
    assert reduced.size == (-(-601 // factor), 800 // factor)
    expected = decode(content).resize(reduced.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(reduced).astype(int) - np.asarray(expected)).max() < 12


def test_what_is_no_jpeg_is_decoded_in_full() -> None:
    for source in (encoded(ramp()), ramp()):
        image, factor = decode_reduced(source, 2)
        assert factor == 1
        assert np.array_equal(np.asarray(image), np.asarray(ramp()))


def test_every_kind_that_is_listed_can_be_read(tmp_path: Path) -> None:
    """What Pillow names by these suffixes is decoded; HEIC by the package pillow-heif."""
    kinds = {"jpe": "JPEG", "jif": "JPEG", "mpo": "MPO", "apng": "PNG", "pbm": "PPM", "pnm": "PPM"}
    for suffix, kind in (kinds | {"jpg_large": "JPEG", "avif": "AVIF"}).items():
        path = tmp_path / f"a.{suffix}"
        more = {"save_all": True, "append_images": [ramp()]} if kind == "MPO" else {}
        ramp().save(path, kind, **more)
        assert is_image_name(path.name)
        assert decode(path).size == (8, 6)


def test_heic_is_read_where_its_package_is_installed(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    picture = Image.new("RGB", (64, 48), RED)
    heif.from_pillow(picture).save(tmp_path / "phone.HEIC", quality=90)
    assert is_image_name("phone.HEIC")
    red, green, blue = decode(tmp_path / "phone.HEIC").getpixel((9, 9))
    assert red > 240 and green < 15 and blue < 15
    assert decode_reduced(tmp_path / "phone.HEIC", 8)[1] == 1


def test_without_its_package_heic_says_which_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.images.reads_heif", lambda: False)
    assert not is_image_name("phone.HEIC")
    (tmp_path / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    with pytest.raises(ImageError, match="install the package pillow-heif"):
        decode(tmp_path / "phone.HEIC")
    assert "pillow-heif" in how_to_read("heic") and "convert" in how_to_read("dng")


def test_a_raw_files_preview_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    """A DNG is a TIFF, its first picture a thumbnail."""
    ramp().save(tmp_path / "photo.tif", tiffinfo={50706: b"\1\4\0\0"})
    ramp().save(tmp_path / "photo.nef", "TIFF")
    for path in tmp_path.iterdir():
        with pytest.raises(ImageError, match="raw file: convert it"):
            decode(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for size in (9_000_000_000, MAX_BYTES + 1):
        with (tmp_path / "huge.png").open("wb") as stream:
            stream.truncate(size)
        start = time.perf_counter()
        with pytest.raises(ImageError, match=r"too large: \d+ MB, the limit is 500 MB"):
            decode(tmp_path / "huge.png")
        assert time.perf_counter() - start < 1


def test_what_is_no_plain_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    reasons = {
        tmp_path / "pipe.jpg": "a device or a pipe",
        Path("/dev/zero"): "a device or a pipe",
        tmp_path / "loop.jpg": "can't be read",
        tmp_path / f"{'n' * 300}.jpg": "can't be read",
        tmp_path / "nul\0.jpg": "no such file",
        tmp_path / "pipe.jpg" / "below.jpg": "no such file",
    }
    for path, reason in reasons.items():
        with pytest.raises(ImageError, match=reason), room_to_decode(path):
            decode(path)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "RGB"])
def test_strips_give_the_same_pixels(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (37, 29, 4), np.uint8)
    image = Image.fromarray(noise, "RGBA")
    image = image.convert("RGB").quantize(64) if mode in ("P", "PA") else image
    image = image.convert(mode)
    if mode in ("P", "RGB"):
        image.info["transparency"] = 3 if mode == "P" else image.getpixel((3, 3))
    whole = np.asarray(decode(image))
    monkeypatch.setattr("data.images._STRIP", 100)
    assert np.array_equal(np.asarray(decode(image)), whole)


@pytest.mark.parametrize(
    ("kind", "mode", "orientation"),
    [
        ("PNG", "RGB", 6),
        ("PNG", "RGBA", 1),
        ("PNG", "I;16", 1),
        ("WEBP", "RGBA", 1),
        ("JPEG", "RGB", 6),
    ],
)
def test_memory_to_decode_is_within_the_room_that_is_taken(
    kind: str, mode: str, orientation: int, tmp_path: Path
) -> None:
    """Decoded alone in a fresh process, whose largest memory is asked for."""
    path, size = tmp_path / "large", (4000, 3000)
    image = Image.linear_gradient("L").resize(size)
    exif = Image.Exif()
    exif[0x0112] = orientation
    (
        Image.fromarray(np.full(size, 999, np.uint16)) if mode == "I;16" else image.convert(mode)
    ).save(path, kind, exif=exif)
    code = (
        "import resource, sys; from pathlib import Path; from data.images import *\n"
        "from data.images import _bytes_to_decode\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "taken, before = _bytes_to_decode(Path(sys.argv[1])), peak()\n"
        "decode(Path(sys.argv[1])); print(peak() - before, taken)"
    )
    command = [sys.executable, "-c", code, path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    needed, taken = map(int, done.stdout.split())
    assert needed < taken + 8_000_000
    assert taken < 17 * 12_000_000


def test_many_threads_need_no_more_memory_than_the_room(tmp_path: Path) -> None:
    """What a thread has freed is the system's again, not the thread's."""
    for number in range(8):
        Image.linear_gradient("L").resize((4000, 3000)).convert("RGBA").save(
            tmp_path / f"{number}.png", compress_level=1
        )
    code = (
        "import resource, sys; from concurrent.futures import ThreadPoolExecutor\n"
        "from pathlib import Path; from data import images\n"
        "from data.decoding_room import DecodingRoom\n"
        "images._ROOM = DecodingRoom(200_000_000)\n"
        "def look(path):\n"
        "    with images.room_to_decode(path):\n"
        "        images.decode(path)\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak()\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    list(pool.map(look, Path(sys.argv[1]).iterdir()))\n"
        "print(peak() - before)"
    )
    command = [sys.executable, "-c", code, tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 210_000_000


def test_room_is_given_back_after_an_error(tmp_path: Path) -> None:
    for _ in range(3):
        with pytest.raises(ImageError), room_to_decode(tmp_path / "none.jpg"):
            decode(tmp_path / "none.jpg")
