from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference import FaceFinder, whole_image
from inference.bundle import Input
from inference.detection.finder import PreparedPicture

WANTED = Input(size=96, framing="face")


@pytest.fixture
def large(portraits: list[Image.Image]) -> Image.Image:
    """Two portraits of 178 x 218 pixels in 12 megapixels: a reduced image has a quarter of them."""
    picture = Image.new("RGB", (4000, 3000), (90, 110, 130))
    for portrait, place in zip(portraits, ((2500, 400), (500, 1700)), strict=False):
        picture.paste(portrait.resize((356, 436), Image.Resampling.LANCZOS), place)
    return picture


def sharpness(pixels: np.ndarray) -> float:
    return float(np.abs(np.diff(pixels.astype(float), axis=0)).mean())


def pixels(picture: PreparedPicture) -> np.ndarray:
    return np.stack([face.pixels for face in picture.faces])


def test_a_face_that_a_reduced_image_shows_too_small_is_cut_out_of_a_larger_one(
    large: Image.Image, tmp_path: Path
) -> None:
    """As sharp as from the whole picture, which is not reduced when it is handed over decoded."""
    large.save(tmp_path / "large.jpg", quality=95)
    reduced = FaceFinder(1)(tmp_path / "large.jpg", WANTED)
    whole = FaceFinder(1)(large, WANTED)
    assert len(reduced.faces) == len(whole.faces) == 2
    for one, same in zip(reduced.faces, whole.faces, strict=True):
        assert sharpness(one.pixels) == pytest.approx(sharpness(same.pixels), rel=0.1)
        assert one.box.xyxy == pytest.approx(same.box.xyxy, abs=8)
        assert one.detection and same.detection
        assert one.detection.landmarks == pytest.approx(same.detection.landmarks, abs=8)


def test_boxes_and_landmarks_are_in_pixels_of_the_picture(large: Image.Image) -> None:
    first, second = FaceFinder(1)(large, WANTED).faces
    for face, (x, y) in ((first, (2500, 400)), (second, (500, 1700))):  # the upper one first
        assert face.box.middle == pytest.approx((x + 178, y + 250), abs=25)
        assert all(isinstance(edge, int) for edge in face.box.xyxy)
        assert face.detection
        left_eye, right_eye = face.detection.landmarks[:2]
        assert left_eye == pytest.approx((x + 2 * 69, y + 2 * 112), abs=25)
        assert right_eye == pytest.approx((x + 2 * 109, y + 2 * 112), abs=25)


def test_the_whole_picture_is_one_face_in_the_framing_of_training() -> None:
    picture = Image.new("RGB", (178, 218), "red")
    picture.paste("blue", (22, 51, 156, 185))  # the square of 133.5 pixels around the face
    [face] = whole_image(picture, WANTED).faces
    assert face.box.xyxy == (0, 0, 178, 218)
    assert face.detection is None
    assert (face.pixels[2:-2, 2:-2] == (0, 0, 255)).all()
