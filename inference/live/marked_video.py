"""Videos in which the faces are marked: H.264 in MP4, without sound."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.atomic import replacing
from inference.annotation import annotate
from inference.live.face_stream import TrackedFace
from inference.live.frames import marked_faces
from inference.live.video import Frame, container_of

if TYPE_CHECKING:
    from av.container import OutputContainer

_COMMENT = "faces marked by python -m inference predict"  # by which a copy is known again
_CODECS = ("libx264", "mpeg4")  # not every build of FFmpeg has the first
_TICKS = 1000  # a second

WriteFrame = Callable[[Frame, Sequence[TrackedFace]], None]


@contextmanager
def marked_video(path: Path, size: tuple[int, int]) -> Iterator[WriteFrame]:
    """Write a video, which appears when the block ends, also if it is ended by Ctrl-C.

    Args:
        path: MP4 to make or to replace.
        size: Width and height of the frames, pixels; an odd one loses a pixel.

    Yields:
        The function that writes a frame at its time, with its faces marked.

    Raises:
        OSError: It cannot be written.
    """
    import av

    interrupted = False
    with (
        _written(path),
        replacing(path) as new,
        av.open(str(new), "w", format="mp4") as container,
    ):
        writer = _Writer(container, size)
        try:
            yield writer.write
        except KeyboardInterrupt:
            interrupted = True
        writer.end()
    if interrupted:
        raise KeyboardInterrupt


class _Writer:
    """Encodes frames into an open container."""

    def __init__(self, container: "OutputContainer", size: tuple[int, int]) -> None:
        import av

        codec = next(name for name in _CODECS if name in av.codecs_available)
        container.metadata["comment"] = _COMMENT
        stream: Any = container.add_stream(codec, rate=30)
        stream.width, stream.height = (max(2, length // 2 * 2) for length in size)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.options = {"crf": "23", "preset": "veryfast"} if codec == "libx264" else {}
        self._container, self._stream = container, stream
        self._last = -1

    def write(self, frame: Frame, faces: Sequence[TrackedFace]) -> None:
        """Write a frame; one of another size than the first is resized."""
        import av

        image = annotate(frame.image, marked_faces(faces))
        size = (self._stream.width, self._stream.height)
        if max(abs(image.width - size[0]), abs(image.height - size[1])) > 1:
            image = image.resize(size)
        picture = av.VideoFrame.from_image(image.crop((0, 0, *size)))
        self._last = max(self._last + 1, round(frame.seconds * _TICKS))
        picture.pts, picture.time_base = self._last, Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(picture))

    def end(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))


@contextmanager
def _written(path: Path) -> Iterator[None]:
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def is_marked_video(path: Path) -> bool:
    """Whether a file is a video that `marked_video` wrote.

    Args:
        path: Path of a file.

    Example:
        >>> is_marked_video(Path("no/such/video.mp4"))
        False
    """
    if container_of(path) != "mov":
        return False
    import av

    try:
        with av.open(str(path), format="mov") as container:
            return container.metadata.get("comment") == _COMMENT
    except (av.error.FFmpegError, ValueError):
        return False
