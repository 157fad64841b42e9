"""Frames of a camera, from the attacker's side."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.demo.guards.camera_frames import MAX_FRAME_BYTES, to_frame
from inference.served.errors import RefusedError

JPEG = b"\xff\xd8\xff\xe0 and so on"


def url(content: bytes, kind: str = "image/jpeg") -> dict[str, str]:
    return {"url": f"data:{kind};base64,{base64.b64encode(content).decode()}"}


def test_a_jpeg_comes_through() -> None:
    assert to_frame(url(JPEG)) == JPEG
    assert to_frame(None) is None


@pytest.mark.parametrize(
    "sent",
    [
        url(b"GIF89a"),
        url(JPEG, "image/svg+xml"),
        {"url": "data:image/jpeg;base64,/9j/4A==\n"},
        {"url": "data:image/jpeg;base64,\ud800é"},
        {"url": "data:image/jpeg;base64,/9j"},
        {"url": "http://127.0.0.1/photo.jpg"},
        {"url": "file:///etc/passwd"},
        {"url": 3},
        {"path": "/etc/passwd"},
        {"path": "/etc/passwd", "url": None},
        "data:image/jpeg;base64,/9j/4A==",
        [url(JPEG)],
        3,
    ],
)
def test_anything_else_is_refused(sent: Any) -> None:
    with pytest.raises(RefusedError, match="no frame of a camera"):
        to_frame(sent)


def test_a_large_frame_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(RefusedError, match="too large"):
        to_frame(url(b"\xff\xd8\xff" + bytes(MAX_FRAME_BYTES)))


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda one: st.lists(one) | st.dictionaries(st.sampled_from(["url", "path", "meta"]), one),
    )
)
def test_json_is_a_jpeg_or_refused(sent: Any) -> None:
    try:
        content = to_frame(sent)
    except RefusedError:
        return
    assert content is None or content.startswith(b"\xff\xd8\xff")
