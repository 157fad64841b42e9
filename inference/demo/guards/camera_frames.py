"""Frames that a visitor's camera sends: a JPEG as text in the call itself, never a file."""

import base64
import binascii

from inference.served.errors import RefusedError

MAX_FRAME_BYTES = 2_000_000
"""Largest frame in bytes; one of 640 x 480 pixels has 100,000."""

MAX_FRAME_PIXELS = 2_100_000
"""Largest frame in pixels: 1920 x 1080."""

_BEFORE = "data:image/jpeg;base64,"
_JPEG = b"\xff\xd8\xff"
_REFUSAL = "this is no frame of a camera: start the camera again"


def to_frame(sent: object) -> bytes | None:
    r"""Turn what a visitor sent for a frame into the JPEG that it holds.

    Args:
        sent: Anything that can be written in JSON.

    Returns:
        The content of the JPEG, not decoded; None if no frame was sent.

    Raises:
        RefusedError: It is anything else, such as a path or an address, or too large.

    Example:
        >>> to_frame({"url": "data:image/jpeg;base64,/9j/4A=="})
        b'\xff\xd8\xff\xe0'
        >>> to_frame({"path": "/etc/passwd"})
        Traceback (most recent call last):
        inference.served.errors.RefusedError: this is no frame of a camera: start the camera again
    """
    if sent is None:
        return None
    url = sent.get("url") if isinstance(sent, dict) else None
    if not isinstance(url, str) or not url.startswith(_BEFORE):
        raise RefusedError(_REFUSAL)
    if len(url) > MAX_FRAME_BYTES * 4 / 3:
        raise RefusedError("this frame is too large: choose a camera of at most 1920 x 1080 pixels")
    try:
        content = base64.b64decode(url.removeprefix(_BEFORE), validate=True)
    except (binascii.Error, ValueError):  # the latter for letters beyond ASCII
        raise RefusedError(_REFUSAL) from None
    if not content.startswith(_JPEG):
        raise RefusedError(_REFUSAL)
    return content
