"""Photo-like views: the same whenever they are asked for, each another, and still the same face."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.synthetic.people import person, shot
from data.synthetic.portrait import draw
from tuning.trunk.image_set import ImageSet
from tuning.trunk.photo_views import PHOTO_VIEWS, PhotoView

SIDE = 64


@pytest.fixture(scope="module")
def faces() -> ImageSet:
    images = np.stack([face(seed) for seed in range(6)])
    return ImageSet.of(images, np.array([1, 2, 4, 5]), "faces")


def face(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    who = person(seed % 2, rng)
    return np.asarray(draw(who, shot(who, rng)).convert("RGB").resize((SIDE, SIDE)))


def test_a_view_is_the_same_for_all_who_ask(faces: ImageSet) -> None:
    view = PhotoView(faces, 3)
    all_rows = view[np.arange(4)]
    assert view.shape == all_rows.shape and view.dtype == all_rows.dtype == np.uint8
    assert np.array_equal(PhotoView(faces, 3)[np.array([2])], all_rows[[2]])
    shard = ImageSet.of(faces.images, faces.rows[2:], "other")
    assert np.array_equal(PhotoView(shard, 3)[np.array([0])], all_rows[[2]])


def test_each_image_has_another_photo_in_each_view(faces: ImageSet) -> None:
    photos = [PhotoView(faces, number)[np.array([0, 1])] for number in range(PHOTO_VIEWS)]
    seen = {photo.tobytes() for pair in photos for photo in pair}
    assert len(seen) == 2 * PHOTO_VIEWS


def test_a_photo_shows_its_own_face(faces: ImageSet) -> None:
    """Small and blurred, it is nearer to its image, or its mirror image, than to the others."""
    small = [blurred(image) for image in faces.images[faces.rows]]
    right = 0
    for number in range(PHOTO_VIEWS):
        for own, photo in enumerate(PhotoView(faces, number)[np.arange(4)]):
            seen = blurred(photo)
            away = [min(apart(seen, image), apart(seen[:, ::-1], image)) for image in small]
            right += int(np.argmin(away)) == own
    assert right >= 0.9 * 4 * PHOTO_VIEWS


def test_about_half_of_the_photos_are_mirrored_and_some_are_gray() -> None:
    left = np.zeros((200, SIDE, SIDE, 3), np.uint8)
    left[:, :, : SIDE // 2] = (200, 120, 60)
    photos = PhotoView(ImageSet.of(left, np.arange(200), "halves"), 0)[np.arange(200)]
    middle = photos[:, SIDE // 2].astype(int)
    mirrored = middle[:, : SIDE // 4].sum((1, 2)) < middle[:, -SIDE // 4 :].sum((1, 2))
    assert 70 < mirrored.sum() < 130
    gray = np.ptp(middle, axis=2).max(axis=1) <= 6  # of JPEG's rounding
    assert 10 < gray.sum() < 60


@given(st.integers(1, 40), st.integers(0, 2**31), st.integers(0, 255))
def test_any_side_and_any_pixels(side: int, number: int, level: int) -> None:
    images = np.full((1, side, side, 3), level, np.uint8)
    photo = PhotoView(ImageSet.of(images, np.arange(1), "flat"), number)[np.array([0])]
    assert photo.shape == images.shape and photo.dtype == np.uint8


def blurred(image: np.ndarray) -> np.ndarray:
    """Means of blocks, without the light of the whole."""
    means = image.reshape(8, SIDE // 8, 8, SIDE // 8, 3).mean((1, 3, 4))
    return (means - means.mean()) / (means.std() + 1)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())
