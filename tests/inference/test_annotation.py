import numpy as np
import pytest
from PIL import Image, ImageColor

from inference import Box, Face
from inference.annotation import COLORS, annotate, caption
from inference.bundle import Label

PLAIN = (120, 150, 120)
BOX = Box(60, 80, 160, 200)


def face(label: Label, box: Box = BOX, index: int = 0) -> Face:
    return Face(index, box, {"woman": 0.03, "man": 0.97, "uncertain": 0.5}[label], label)


@pytest.mark.parametrize("label", COLORS)
def test_a_box_and_a_caption_in_the_label_s_color(label: Label) -> None:
    picture = Image.new("RGB", (300, 240), PLAIN)
    marked = np.asarray(annotate(picture, [face(label)]))
    color = ImageColor.getrgb(COLORS[label])
    for x, y in ((60, 140), (160, 140), (110, 80), (110, 200)):
        assert (marked[y, x] == color).all(), (x, y)
    assert (marked[100:180, 80:140] == PLAIN).all()
    above = marked[:78, 60:].reshape(-1, 3)
    assert (above == color).all(axis=1).any() and (above > 230).all(axis=1).any()
    assert (np.asarray(picture) == PLAIN).all()


def test_boxes_are_scaled_to_a_smaller_image() -> None:
    picture = Image.new("RGB", (150, 120), PLAIN)
    marked = annotate(picture, [face("man")], factor=2)
    assert marked.getpixel((30, 70)) == marked.getpixel((80, 70)) == ImageColor.getrgb("#1d4ed8")


def test_without_faces_nothing_is_drawn() -> None:
    picture = Image.effect_noise((50, 40), 60).convert("RGB")
    assert (np.asarray(annotate(picture, [])) == np.asarray(picture)).all()


def test_a_caption_stays_in_the_picture() -> None:
    """At the upper edge it stands below the box, at the right edge it moves to the left."""
    picture = Image.new("RGB", (300, 240), PLAIN)
    marked = np.asarray(annotate(picture, [face("woman", Box(250, 2, 300, 60))]))
    white = np.argwhere((marked > 230).all(axis=2))
    assert white[:, 0].min() > 60 and white[:, 1].min() > 180 and white[:, 1].max() < 300


@pytest.mark.parametrize(
    ("label", "text"),
    [("woman", "3: woman 97%"), ("man", "3: man 97%"), ("uncertain", "3: uncertain")],
)
def test_a_caption_says_the_label_and_its_probability(label: Label, text: str) -> None:
    assert caption(face(label, index=2)) == text
