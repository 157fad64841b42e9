"""Boxes, numbers and thumbnails of a picture."""

import re
from base64 import b64decode
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data import GENDER
from inference.demo.picture_markup import ShownPicture, _captions
from inference.faces import Box, Face, Prediction

PICTURE = ShownPicture(Image.new("RGB", (200, 100), "red"), 2)


def face(index: int, *box: float) -> Face:
    return Face(index, Box(*box), (Prediction(GENDER, (0.1, 0.9), "man"),))


def test_boxes_lie_where_the_faces_are() -> None:
    html = PICTURE.marked([face(0, 100, 50, 200, 150)], alt='"<me>"')
    assert "left:25.00%;top:25.00%;width:25.00%;height:50.00%" in html
    assert "<b>1<span" in html and "<bdi>man 90%</bdi>" in html
    assert 'alt="&quot;&lt;me&gt;&quot;"' in html


def test_a_thumbnail_shows_the_face_and_nothing_outside_the_picture() -> None:
    image = Image.new("RGB", (200, 100), "red")
    image.paste("blue", (0, 0, 30, 30))
    html = ShownPicture(image, 2).thumbnail(face(0, 0, 0, 60, 60))
    link = re.search(r'base64,([^"]+)"', html)
    assert link
    thumbnail = Image.open(BytesIO(b64decode(link[1])))
    assert thumbnail.width == thumbnail.height
    red, _, blue = thumbnail.getpixel((20, 20))  # type: ignore[misc]
    assert blue > 200 and red < 60
    darkest = min(max(pixel) for pixel in thumbnail.get_flattened_data())  # type: ignore[arg-type]
    assert darkest > 60, "no black beyond the edge"


def test_captions_keep_clear_of_faces_and_of_the_edge() -> None:
    alone = Box(0.4, 0.4, 0.5, 0.6)
    assert _captions([alone]) == ["above"]
    assert _captions([Box(0.4, 0.0, 0.5, 0.2)]) == ["low"]
    assert _captions([Box(0.9, 0.4, 1.0, 0.6)]) == ["above right"]
    above = Box(0.42, 0.2, 0.6, 0.38)
    assert _captions([alone, above])[0] == "low"


@given(st.lists(st.tuples(*[st.floats(-1, 2)] * 4), max_size=30))
def test_each_box_gets_one_place(edges: list[tuple[float, float, float, float]]) -> None:
    places = _captions([Box(*one) for one in edges])
    assert len(places) == len(edges)
    assert set(places) <= {"above", "above right", "low", "low right"}
