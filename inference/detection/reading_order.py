"""The order in which the faces of a picture are numbered, here alone."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from inference.faces import Box


class _Boxed(Protocol):
    @property
    def box(self) -> Box: ...


_F = TypeVar("_F", bound=_Boxed)


def in_reading_order(faces: Iterable[_F]) -> list[_F]:
    """Sort faces by rows from top to bottom, and within a row from left to right.

    A row begins with the face whose middle is highest of those left, and holds all faces whose
    middles lie above the lower edge of that face. Faces side by side, as in most photos, are one
    row, and numbered from left to right.

    Args:
        faces: Faces in any order, each with its `box`.

    Returns:
        The faces, whose places in the list are their indices.

    Example:
        >>> from inference.faces import Face
        >>> boxes = [Box(50, 0, 60, 10), Box(0, 4, 10, 14), Box(20, 30, 30, 40)]
        >>> [face.box.left for face in in_reading_order(Face(0, box, ()) for box in boxes)]
        [0, 50, 20]
    """
    rows: list[list[_F]] = []
    for face in sorted(faces, key=lambda face: (face.box.middle[::-1], face.box.xyxy)):
        if not rows or face.box.middle[1] >= rows[-1][0].box.bottom:
            rows.append([])
        rows[-1].append(face)
    return [face for row in rows for face in sorted(row, key=lambda face: face.box.middle)]
