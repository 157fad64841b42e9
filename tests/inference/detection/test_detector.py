import csv
import os
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data import decode
from inference.detection.alignment import FRAME, LEAST_QUALITY, TEMPLATE, align
from inference.detection.detector import _OVERLAP, _TILE, Detection, Detector, _spans
from inference.detection.retinaface import Candidates, RetinaFace

PHOTOS = os.environ.get("PHOTOS")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load(1)


def middles(faces: list[Detection]) -> list[tuple[float, float]]:
    return sorted(face.box.middle for face in faces)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_all_faces_of_a_group_are_found(
    detector: Detector, group: Image.Image, scale: float
) -> None:
    picture = group.resize((round(group.width * scale), round(group.height * scale)))
    faces = detector.detect(picture)
    expected = sorted((149 + x * 290, 185 + y * 300) for x in range(3) for y in range(2))
    assert np.array(middles(faces)) / scale == pytest.approx(np.array(expected), abs=15)
    assert all(face.score > 0.9 for face in faces)
    scores = [face.score for face in faces]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("width", [40, 178, 700, 2500])
def test_a_portrait_of_any_size_has_one_face(
    detector: Detector, portraits: list[Image.Image], width: int
) -> None:
    for portrait in portraits[::2]:
        size = (width, round(width * FRAME[1] / FRAME[0]))
        [face] = detector.detect(portrait.resize(size, Image.Resampling.BICUBIC))
        off = np.abs(face.landmarks * FRAME[0] / width - TEMPLATE)
        assert off.mean() < 8
        assert face.box.left < face.landmarks[:, 0].min()
        assert face.landmarks[:, 0].max() < face.box.right


@pytest.mark.parametrize("height", [400, 640, 720, 760, 800, 1000, 1400])
def test_a_close_up_of_any_size_has_one_face(
    detector: Detector, portraits: list[Image.Image], height: int
) -> None:
    """Larger than 192 pixels a face is seen twice: the look that shows it smaller must count."""
    box = (44, 67, 134, 168)  # from brow to chin
    for portrait in portraits[::2]:
        size = (round(height * (box[2] - box[0]) / (box[3] - box[1])), height)
        assert len(detector.detect(portrait.resize(size, Image.Resampling.BICUBIC, box))) == 1


def test_faces_of_28_pixels_are_found(detector: Detector, portraits: list[Image.Image]) -> None:
    picture = Image.new("RGB", (1200, 800), (90, 110, 130))
    small = [portrait.resize((62, 76), Image.Resampling.LANCZOS) for portrait in portraits]
    for index, portrait in enumerate(small):
        picture.paste(portrait, (100 + index * 180, 300))
    faces = detector.detect(picture)
    assert len(faces) == len(portraits)
    assert all(20 < face.box.width < 36 for face in faces)


def test_the_surest_faces_are_kept(detector: Detector, group: Image.Image) -> None:
    every = detector.detect(group)
    assert middles(detector.detect(group, max_faces=2)) == middles(every[:2])


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (33, 31), (700, 500)])
def test_pictures_without_a_face(detector: Detector, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    assert detector.detect(Image.fromarray(noise)) == []


TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.name)
@pytest.mark.parametrize("scale", [1, 3])
def test_a_turned_picture_gives_the_faces_of_the_upright_one(
    detector: Detector, group: Image.Image, turn: Image.Transpose, scale: int
) -> None:
    """Boxes in pixels of the turned picture, crops upright."""
    upright = group.resize((group.width * scale, group.height * scale))
    turned = upright.transpose(turn)
    back = {TURNS[0]: TURNS[2], TURNS[1]: TURNS[1], TURNS[2]: TURNS[0]}[turn]
    expected, faces = detector.detect(upright), detector.detect(turned)
    assert len(faces) == len(expected)
    for face in faces:
        assert face.quality >= LEAST_QUALITY
        x, y = face.box.middle
        middle = Image.new("1", turned.size)
        middle.putpixel((round(x), round(y)), 1)
        x, y, *_ = middle.transpose(back).getbbox() or (0, 0)
        [same] = [f for f in expected if f.box.contains((x, y))]
        crops = [align(turned, face.landmarks), align(upright, same.landmarks)]
        pixels = [np.asarray(crop, dtype=int)[40:-40, 40:-40] for crop in crops]
        assert np.abs(pixels[0] - pixels[1]).mean() < 12


@dataclass(frozen=True)
class CountingNetwork(RetinaFace):
    looks: list[tuple[int, int]] = field(default_factory=list)

    def look(self, image: Image.Image, side: int) -> Candidates:
        self.looks.append(image.size)
        return super().look(image, side)


def counting(detector: Detector) -> tuple[Detector, list[tuple[int, int]]]:
    network = CountingNetwork(detector.network.session)
    return Detector(network), network.looks


def test_a_picture_that_stands_upright_is_not_turned(
    detector: Detector, group: Image.Image
) -> None:
    observed, looks = counting(detector)
    observed.detect(group)
    assert looks == [group.size, group.size]  # as large as it is, and at 400


def test_a_picture_without_a_trace_of_a_face_is_not_turned(detector: Detector) -> None:
    sky = Image.new("RGB", (700, 500), "skyblue")
    observed, looks = counting(detector)
    assert observed.detect(sky) == []
    assert looks == [sky.size]


def test_a_face_on_its_head_among_upright_ones_has_little_quality(
    detector: Detector, portraits: list[Image.Image]
) -> None:
    picture = Image.new("RGB", (700, 500), (120, 150, 120))
    picture.paste(portraits[0].resize((300, 367)), (10, 30))
    on_head = portraits[3].resize((356, 436)).transpose(Image.Transpose.ROTATE_180)
    picture.paste(on_head, (330, 20))
    first, *others = detector.detect(picture)
    assert first.box.right < 300 and first.quality > 0.9
    assert others and all(face.quality < LEAST_QUALITY for face in others)


def test_small_faces_are_found_in_tiles_once_each(
    detector: Detector, portraits: list[Image.Image]
) -> None:
    """Faces of 28 to 90 pixels in 6 megapixels, some across the borders of tiles."""
    picture = Image.new("RGB", (3000, 2000), (90, 110, 130))
    places = []
    for index in range(48):
        height = (54, 70, 100, 170)[index % 4]
        portrait = portraits[index % 6].resize(
            (round(height * 178 / 218), height), Image.Resampling.LANCZOS
        )
        place = (60 + index % 12 * 237, 60 + index // 12 * 470)
        picture.paste(portrait, place)
        places.append((place[0] + portrait.width / 2, place[1] + height * 0.56))
    assert len(detector.detect(picture)) < 30
    found = np.array(middles(detector.detect(picture, small_faces=True)))
    distances = np.linalg.norm(found[:, None] - np.array(places), axis=2)
    assert len(found) == len(places)
    assert sorted(distances.argmin(axis=1)) == list(range(len(places)))
    assert distances.min(axis=1).max() < 14
    assert len(detector.detect(picture, 5, small_faces=True)) == 5


@given(st.integers(1, 20_000))
def test_tiles_cover_every_pixel_and_overlap(length: int) -> None:
    spans = _spans(length)
    assert spans[0][0] == 0 and spans[-1][1] == length
    assert all(end - start <= _TILE for start, end in spans)
    for (_, end), (start, _) in pairwise(spans):
        assert end - start >= _OVERLAP - 1


@pytest.mark.parametrize("size", [(1, 1), (1, 9000), (9000, 1), (33, 31), (1300, 900)])
def test_tiles_of_pictures_without_a_face(detector: Detector, size: tuple[int, int]) -> None:
    assert detector.detect(Image.new("RGB", size, "gray"), small_faces=True) == []


@pytest.mark.skipif(not PHOTOS, reason="PHOTOS names no folder of labeled photos")
@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.name)
def test_labeled_photos_turned(detector: Detector, turn: Image.Transpose) -> None:
    folder = Path(PHOTOS or "")
    with (folder / "labels.csv").open(newline="") as stream:
        labeled = {row["file"]: row["faces"] for row in csv.DictReader(stream) if row["faces"]}
    counts = {
        file: str(len(detector.detect(decode(folder / file).transpose(turn)))) for file in labeled
    }
    assert counts == labeled


@pytest.mark.skipif(not PHOTOS, reason="PHOTOS names no folder of labeled photos")
def test_labeled_photos(detector: Detector) -> None:
    folder = Path(PHOTOS or "")
    with (folder / "labels.csv").open(newline="") as stream:
        labeled = [row for row in csv.DictReader(stream) if row["faces"]]
    counts = {row["file"]: len(detector.detect(decode(folder / row["file"]))) for row in labeled}
    assert counts == {row["file"]: int(row["faces"]) for row in labeled}
