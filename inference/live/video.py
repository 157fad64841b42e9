"""Videos, frame by frame: opened by content, upright, each frame with its time.

FFmpeg reads far more than videos: lists of other files, addresses, devices. A file is opened as the
one container that its first bytes say it is, through an open file and not by its name, so that
nothing else can be reached by what is in it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from data.messages import one_line
from inference.errors import VideoError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_FRAME_PIXELS = 36_000_000
"""Videos with larger frames are refused: 8K has 33 million pixels."""

MAX_SECONDS = 6 * 3600.0
"""Videos that last longer are refused, or end there."""

MAX_FRAMES = 1_000_000
"""Frames that are decoded of a video, whatever it says about their times."""

_MOVIE_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_STILLS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_BEGINNINGS = {
    b"\x1a\x45\xdf\xa3": "matroska",
    b"OggS": "ogg",
    b"FLV\x01": "flv",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "asf",
    b"\x00\x00\x01\xba": "mpeg",
    b"YUV4MPEG2 ": "yuv4mpegpipe",
}
_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg"),
        *(".mpeg", ".wmv", ".flv", ".ogv", ".3gp", ".y4m"),
    )
)
_PACKET = 188  # bytes of MPEG-TS


@dataclass(frozen=True)
class Frame:
    """A frame of a video or camera.

    Attributes:
        number: Number of the frame, from 0; frames that are left out count as well.
        seconds: Time since the first frame, never before that of the frame before.
        image: RGB image, upright.
    """

    number: int
    seconds: float
    image: Image.Image


@dataclass(frozen=True)
class Every:
    """Which frames are looked at.

    Attributes:
        frames: One of so many frames.
        seconds: And at least so many seconds between two of them.

    Example:
        >>> Every.parse("5"), Every.parse("0.5s")
        (Every(frames=5, seconds=0.0), Every(frames=1, seconds=0.5))
        >>> Every.parse("often")
        Traceback (most recent call last):
        ValueError: 'often' is neither a number of frames (5) nor of seconds (0.5s)
    """

    frames: int = 1
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Every":
        """Read a number of frames, such as 5, or of seconds, such as 0.5s.

        Raises:
            ValueError: It is neither, or not above 0.
        """
        try:
            if text.endswith("s") and 0 < (seconds := float(text[:-1])) <= MAX_SECONDS:
                return cls(seconds=seconds)
            if not text.endswith("s") and 0 < (frames := int(text)) <= MAX_FRAMES:
                return cls(frames=frames)
        except ValueError:
            pass
        raise ValueError(f"{text!r} is neither a number of frames (5) nor of seconds (0.5s)")

    def chooser(self) -> Callable[[int, float], bool]:
        """Return a function that says of each frame, by number and seconds, if it is looked at."""
        due = 0.0

        def chosen(number: int, seconds: float) -> bool:
            nonlocal due
            if number % self.frames or seconds < due - 1e-6:
                return False
            if self.seconds:
                due = (seconds + 1e-6) // self.seconds * self.seconds + self.seconds
            return True

        return chosen


def container_of(path: Path) -> str | None:
    r"""Return by a file's first bytes which container it is, as FFmpeg names it; None for no video.

    Args:
        path: Path of a file, which need not exist.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "photo.jpg")
        >>> _ = path.write_bytes(b"\x00\x00\x00\x20ftypisom")
        >>> container_of(path), container_of(path.with_name("missing"))
        ('mov', None)
    """
    try:
        if not path.is_file():  # a pipe would wait
            return None
        with path.open("rb") as file:
            head = file.read(3 * _PACKET)
    except OSError:
        return None
    if head[4:8] in _MOVIE_BOXES:
        return None if head[4:8] == b"ftyp" and head[8:12] in _STILLS else "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if len(head) == 3 * _PACKET and set(head[::_PACKET]) == {0x47}:
        return "mpegts"
    return next((name for magic, name in _BEGINNINGS.items() if head.startswith(magic)), None)


def has_video_name(path: Path) -> bool:
    """Whether a file is called as videos are.

    Example:
        >>> has_video_name(Path("Party.MP4"))
        True
    """
    return path.suffix.lower() in _SUFFIXES


def require_reader() -> None:
    """Raise VideoError if the package that reads videos is not installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        raise VideoError(
            "to read videos and cameras, the package PyAV is needed: pip install '.[video]'"
        ) from None


@dataclass(frozen=True)
class Video:
    """An open video or camera. Make one with `open_video`.

    Attributes:
        container: Container of PyAV.
        stream: The first video stream in it.
        seconds: How long it says that it lasts; None where it does not.
        rate: Frames a second that it says it has, on average; 0 where it does not.
    """

    container: "InputContainer"
    stream: "VideoStream"
    seconds: float | None
    rate: float

    @property
    def expected_frames(self) -> int:
        """Number of frames that it should have, for the time left; 0 if that is not known."""
        return round((self.seconds or 0) * self.rate) or self.stream.frames

    def frames(self, every: Every | None = None) -> Iterator[Frame]:
        """Decode it.

        Args:
            every: Which frames are wanted, None for all; the others are decoded but not converted.

        Yields:
            The frames, in the order of their times.

        Raises:
            VideoError: It is damaged or broken off, or has too many or too large frames. Frames
                before that have been yielded.
        """
        chosen, first, seconds, number = (every or Every()).chooser(), None, 0.0, -1
        with _readable():
            for number, frame in enumerate(self.container.decode(self.stream)):
                time = number / (self.rate or 30.0) if frame.time is None else frame.time
                first = time if first is None else first
                seconds = max(seconds, time - first)
                _check(number, seconds, frame.width * frame.height)
                if chosen(number, seconds):
                    yield Frame(number, seconds, _upright(frame))
        if number < 0:
            raise VideoError("no frame in it can be read")
        if self.seconds and seconds < 0.9 * self.seconds - 1:
            raise VideoError(f"broken off: it ends after {seconds:.1f} of {self.seconds:.1f} s")


@contextmanager
def open_video(path: Path, threads: int | None = None) -> Iterator[Video]:
    """Open a video file.

    Args:
        path: Path of the file.
        threads: Number of threads that decode; None for as many as there are cores.

    Yields:
        The video.

    Raises:
        VideoError: PyAV is not installed, or the file cannot be read, is no video, damaged, too
            long, or has too large frames.
    """
    require_reader()
    kind = container_of(path)
    if not kind:
        raise VideoError("not a video, or of a kind that is not supported")
    try:
        file = path.open("rb")
    except OSError as error:
        raise VideoError(f"cannot be opened: {error.strerror}") from None
    with file, opened(file, kind, {}, threads) as video:
        if video.seconds and video.seconds > MAX_SECONDS:
            raise VideoError(
                f"too long: {video.seconds / 3600:.1f} hours, the limit is {MAX_SECONDS / 3600:g}; "
                "cut it into parts"
            )
        yield video


@contextmanager
def opened(
    source: BinaryIO | str, kind: str, options: dict[str, str], threads: int | None
) -> Iterator[Video]:
    """Open a file or device. Raises VideoError."""
    import av

    with _readable():
        if isinstance(source, str):
            found = av.open(source, "r", format=kind, options=options)
        else:
            found = av.open(source, "r", format=kind, io_open=_nothing_else)
    with found as container:
        if not container.streams.video:
            raise VideoError("there is no video in it")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise VideoError("its video is of a kind that is not supported")
        _check(0, 0.0, context.width * context.height)
        context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        context.thread_type, context.thread_count = "AUTO", threads or 0
        seconds = container.duration / av.time_base if container.duration else None
        yield Video(container, stream, seconds, float(stream.average_rate or 0))


def _nothing_else(*_: Any) -> Any:
    raise PermissionError("a video that names other files is not followed")


def _check(number: int, seconds: float, pixels: int) -> None:
    if pixels > MAX_FRAME_PIXELS:
        raise VideoError(
            f"frames of {pixels / 1e6:.0f} megapixels are too large: the limit is "
            f"{MAX_FRAME_PIXELS / 1e6:g}"
        )
    if seconds > MAX_SECONDS or number >= MAX_FRAMES:
        raise VideoError(
            f"too long: the limits are {MAX_SECONDS / 3600:g} hours and {MAX_FRAMES:,} frames"
        )


def _upright(frame: "VideoFrame") -> Image.Image:
    """Return the frame as it is to be shown."""
    image = frame.to_image()
    turns = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180}
    turns[270] = Image.Transpose.ROTATE_270
    turn = turns.get(round(frame.rotation) % 360)
    return image if turn is None else image.transpose(turn)


@contextmanager
def _readable() -> Iterator[None]:
    """Turn whatever FFmpeg says of a damaged video into one line."""
    import av

    try:
        yield
    except (VideoError, GeneratorExit):
        raise
    except MemoryError:
        raise VideoError("not enough memory to decode it") from None
    except av.error.FFmpegError as error:
        raise VideoError(f"damaged video: {one_line(error.strerror or error, 120)}") from None
    except (ValueError, OSError, RuntimeError) as error:
        raise VideoError(f"damaged video: {one_line(error, 120)}") from None
