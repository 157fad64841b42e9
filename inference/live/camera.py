"""Cameras of this machine, by number."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.errors import VideoError
from inference.live.video import Video, opened, require_reader

_SIZE = {"video_size": "640x480"}
_DEVICES = Path("/dev")


@contextmanager
def open_camera(number: int) -> Iterator[Video]:
    """Open a camera at 640 x 480 pixels, or at its own size where it has no such.

    Args:
        number: Number of the camera, from 0.

    Yields:
        The camera, whose frames end when it is unplugged.

    Raises:
        VideoError: PyAV is not installed, or there is no such camera, or another program has it.
    """
    require_reader()
    source, kind = device(number)
    try:
        with opened(source, kind, _SIZE, threads=1) as video:
            yield video
            return
    except VideoError as error:
        raise VideoError(f"camera {number} cannot be used: {error}") from None


def device(number: int) -> tuple[str, str]:
    """Return what a camera is called, and by which part of FFmpeg it is read.

    Args:
        number: Number of the camera, from 0.

    Raises:
        VideoError: There is no such camera.
    """
    if sys.platform == "darwin":
        return str(number), "avfoundation"
    if sys.platform == "win32":
        return _windows_device(number), "dshow"
    path = _DEVICES / f"video{number}"
    if not path.exists():
        there = sorted(one.name for one in _DEVICES.glob("video*"))
        known = f"there are {', '.join(there)}" if there else "this machine has no camera"
        raise VideoError(f"camera {number} is not there: no {path}; {known}")
    return str(path), "v4l2"


def _windows_device(number: int) -> str:
    import av.device

    devices = av.device.enumerate_input_devices("dshow")
    cameras = [one.description for one in devices if "video" in one.media_types]
    if number >= len(cameras):
        raise VideoError(f"camera {number} is not there: this machine has {len(cameras)} cameras")
    return f"video={cameras[number]}"
