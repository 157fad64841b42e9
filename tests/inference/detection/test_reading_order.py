"""By rows, whatever the order in which a detector finds faces."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from inference.detection.reading_order import in_reading_order
from inference.faces import Box


@dataclass(frozen=True)
class Found:
    name: str
    box: Box


def found(name: str, x: float, y: float, side: float = 40) -> Found:
    return Found(name, Box(x, y, x + side, y + side))


def names(*faces: Found) -> str:
    return "".join(face.name for face in in_reading_order(faces))


def test_rows_from_top_to_bottom_and_from_left_to_right_within_one() -> None:
    faces = [found("f", 210, 115), found("b", 100, 12), found("d", 0, 104), found("a", 0, 0)]
    faces += [found("e", 90, 98), found("c", 200, 6)]
    assert names(*faces) == "abcdef"


def test_people_side_by_side_are_one_row_though_they_are_not_of_one_height() -> None:
    assert names(found("c", 300, 0), found("a", 0, 15), found("b", 150, 8, side=30)) == "abc"


def test_a_large_face_in_front_is_a_row_of_its_own() -> None:
    behind = [found(name, 60 * index, 0) for index, name in enumerate("abc")]
    assert names(found("d", 0, 60, side=200), *behind) == "abcd"


@given(
    st.lists(st.tuples(*[st.integers(0, 400)] * 2, st.integers(1, 90)), max_size=12, unique=True),
    st.randoms(),
)
def test_the_order_does_not_depend_on_the_order_of_finding(places, random) -> None:
    faces = [found(str(place), *place) for place in places]
    ordered = in_reading_order(faces)
    turned = faces.copy()
    random.shuffle(turned)
    middles = [face.box.middle for face in ordered]
    assert [face.box.middle for face in in_reading_order(turned)] == middles
    assert sorted(face.name for face in ordered) == sorted(face.name for face in faces)
