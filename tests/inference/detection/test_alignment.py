import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data import decode, to_square
from inference.detection.alignment import (
    FRAME,
    LEAST_QUALITY,
    TEMPLATE,
    align,
    quality_of,
    roll_of,
    scale_of,
    similarity,
)
from inference.detection.detector import Detector
from inference.faces import Box

DATA = os.environ.get("DATA")


@given(st.floats(-3, 3), st.floats(0.1, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_recovered(angle: float, scale: float, x: float, y: float) -> None:
    turn, shift = scale * np.exp(1j * angle), complex(x, y)
    moved = turn * (TEMPLATE @ (1, 1j)) + shift
    found = similarity(TEMPLATE, np.stack([moved.real, moved.imag], axis=1))
    assert found == pytest.approx((turn, shift), abs=1e-3)


def test_the_closest_similarity_is_found() -> None:
    rng = np.random.default_rng(0)
    target = TEMPLATE * 2 + rng.normal(0, 5, TEMPLATE.shape)
    turn, shift = similarity(TEMPLATE, target)
    weights = np.array([3, 3, 0.3, 1, 1])

    def miss(turn: complex, shift: complex) -> float:
        off = turn * (TEMPLATE @ (1, 1j)) + shift - target @ (1, 1j)
        return float(weights @ abs(off) ** 2)

    best = miss(turn, shift)
    for change in (0.01, -0.01, 0.01j, -0.01j):
        assert miss(turn + change, shift) > best
        assert miss(turn, shift + 100 * change) > best


def test_an_aligned_picture_stays_as_it_is(portraits: list[Image.Image]) -> None:
    aligned = align(portraits[0], TEMPLATE)
    assert aligned is not None
    assert np.abs(np.asarray(aligned).astype(int) - np.asarray(portraits[0])).max() <= 1


@pytest.mark.parametrize(("scale", "angle"), [(1, 30), (0.5, -20), (5, 0), (5.3, 25), (2, 180)])
def test_a_turned_and_scaled_face_comes_back(
    portraits: list[Image.Image], scale: float, angle: float
) -> None:
    canvas = Image.new("RGB", (400, 400), "gray")
    canvas.paste(portraits[0], (111, 91))
    side = round(400 * scale)
    picture = canvas.resize((side, side), Image.Resampling.BICUBIC)
    picture = picture.rotate(angle, Image.Resampling.BICUBIC)
    turn = np.exp(-1j * np.radians(angle))
    points = ((TEMPLATE @ (1, 1j) + 111 + 91j - 200 - 200j) * turn + 200 + 200j) * scale
    aligned = align(picture, np.stack([points.real, points.imag], axis=1))
    assert aligned is not None and aligned.size == FRAME
    difference = np.asarray(aligned).astype(int) - np.asarray(portraits[0])
    assert np.abs(difference[20:-20, 20:-20]).mean() < (8 if scale < 1 else 4)


def test_beyond_the_picture_its_edge_is_repeated(portraits: list[Image.Image]) -> None:
    part = portraits[0].crop((40, 60, 178, 218))
    aligned = align(part, TEMPLATE - (40, 60))
    assert aligned is not None
    pixels = np.asarray(aligned).astype(int)
    assert (pixels[60:, :36] == pixels[60:, :1]).all()
    assert np.abs(pixels[60:, 0] - np.asarray(portraits[0])[60:, 40]).mean() < 5
    assert np.abs(pixels[60:, 40:] - np.asarray(portraits[0])[60:, 40:]).mean() < 2


@pytest.mark.parametrize("points", [np.zeros((5, 2)), TEMPLATE * 1e-3, TEMPLATE - 5000])
def test_what_cannot_be_a_face_in_the_picture_is_none(points: np.ndarray) -> None:
    assert align(Image.new("RGB", (50, 60)), points) is None


def test_scale_is_pixels_a_frame_pixel() -> None:
    assert scale_of(TEMPLATE * 2.5 + 7) == pytest.approx(2.5)


BOX = Box(46.0, 64.0, 131.0, 179.0)
"""Of a face in CelebA's frame, as the detector draws it."""


@given(st.floats(-3, 3), st.floats(0.1, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_a_face_seen_from_the_front_has_full_quality_however_it_is_turned(
    angle: float, scale: float, x: float, y: float
) -> None:
    moved = scale * np.exp(1j * angle) * (TEMPLATE @ (1, 1j)) + complex(x, y)
    points = np.stack([moved.real, moved.imag], axis=1)
    half = scale * 99 / 2
    middle = points.mean(axis=0)
    assert quality_of(points, Box(*(middle - half), *(middle + half))) == pytest.approx(1, abs=0.01)
    assert roll_of(points) == pytest.approx(np.degrees(angle), abs=0.1)


BAD_FITS = {
    # as the detector sees them in drawn and in real faces
    "on its head": (88, 110) + (TEMPLATE - (88, 110)) * (0.5, -0.5),
    "a full profile": (60, 130) + (TEMPLATE - (88, 130)) * (0.3, 1),
    "in one corner": (50, 80) + (TEMPLATE - (88, 130)) * 0.3,
    "eyes below the mouth": TEMPLATE[[3, 4, 2, 0, 1]] * (1, 0.5),
    "one point": np.zeros((5, 2)),
}


@pytest.mark.parametrize("points", BAD_FITS.values(), ids=BAD_FITS)
def test_what_does_not_fit_a_face_has_little_quality(points: np.ndarray) -> None:
    assert quality_of(points, BOX) < LEAST_QUALITY


def test_quality_falls_with_the_distance_from_the_template() -> None:
    noise = np.random.default_rng(0).normal(0, 1, TEMPLATE.shape)
    qualities = [quality_of(TEMPLATE + noise * sigma, BOX) for sigma in (0, 3, 6, 12, 24)]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[1] > 0.8 and qualities[-1] < LEAST_QUALITY


@given(st.lists(st.floats(-1e6, 1e6), min_size=14, max_size=14))
def test_quality_is_a_share_whatever_the_detector_says(values: list[float]) -> None:
    left, top, right, bottom, *points = values
    assert 0 <= quality_of(np.array(points).reshape(5, 2), Box(left, top, right, bottom)) <= 1


@pytest.mark.skipif(not DATA, reason="DATA names no CelebA folder")
def test_celeba_detected_and_aligned_again_is_celeba() -> None:
    images = sorted(Path(DATA or "").rglob("img_align_celeba/*.jpg"))[:60]
    if not images:
        pytest.skip("DATA is not CelebA")
    detector, off, different = Detector.load(1), [], []
    for path in images:
        original = decode(path)
        if not (faces := detector.detect(original)):
            continue
        middle = original.width / 2
        face = min(faces, key=lambda found: abs(found.landmarks[:, 0].mean() - middle))
        off.append(np.abs(face.landmarks * FRAME[0] / original.width - TEMPLATE).mean())
        again = align(original, face.landmarks)
        assert again is not None
        pixels = [to_square(image, 128).astype(int) for image in (original, again)]
        different.append(np.abs(pixels[0] - pixels[1]).mean())
    assert len(off) >= 0.98 * len(images)
    assert np.mean(off) < 3
    assert np.mean(different) < 20
