"""A run of `predict` over videos or a camera: a row a face and frame into each output."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter

from data import Label
from data.messages import one_line, printable
from data.progress import progress
from inference.classifier import Classifier
from inference.detection.finder import PreparedPicture
from inference.errors import VideoError
from inference.live.camera import open_camera
from inference.live.face_stream import FaceStream, TrackedFace
from inference.live.marked_video import WriteFrame, marked_video
from inference.live.video import Every, Frame, Video, open_video
from inference.predict.outcomes import Outcome, interruptible_pool
from inference.predict.outputs import Output
from inference.predict.row_table import TableOutput
from inference.predict.rows import NO_FACE, OF_VIDEO, Row, WriteRows
from inference.predict.run import Mode, plan_run
from inference.runtime.machine import default_threads

_BATCH = 8  # frames whose faces are classified together
_PIXELS_AHEAD = 64_000_000  # of the frames that are searched at the same time, 3 bytes each


@dataclass(frozen=True)
class Source:
    """Where frames come from.

    Attributes:
        file: Name in the rows, and after which the marked video is called.
        open: Function that opens it, see `inference.live.video.open_video`.
        is_live: Whether frames come as they are taken: none is read ahead.

    Example:
        >>> Source.of_file(Path("party.mp4")).file.name, Source.of_camera(0).is_live
        ('party.mp4', True)
    """

    file: Path
    open: Callable[[], AbstractContextManager[Video]]
    is_live: bool = False

    @classmethod
    def of_file(cls, path: Path, threads: int | None = None) -> "Source":
        """Return the source that is a video file."""
        return cls(path, partial(open_video, path, threads))

    @classmethod
    def of_camera(cls, number: int) -> "Source":
        """Return the source that is a camera."""
        return cls(Path(f"camera-{number}"), partial(open_camera, number), is_live=True)


@dataclass
class VideoTally:
    """Counts of a run.

    Attributes:
        videos: Number of videos of which frames were asked for.
        frames: Number of frames that were looked at.
        faces: Number of faces in them, which is that of the rows.
        tracks: Number of tracks in all videos.
        seconds: Time that it took.
        errors: Why a video could not be read to its end, a line each.
        is_interrupted: Whether Ctrl-C ended it.

    Example:
        >>> [line] = VideoTally(videos=1, frames=50, faces=70, tracks=2, seconds=2.5).lines()
        >>> print(line)
        1 video: 50 frames in 2.5 s (20.0 a second), 70 faces in 2 tracks, 0 could not be read whole
    """

    videos: int = 0
    frames: int = 0
    faces: int = 0
    tracks: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    is_interrupted: bool = False

    def lines(self) -> Iterator[str]:
        """Yield the summary, line by line."""
        yield from self.errors
        speed = self.frames / self.seconds if self.seconds else 0.0
        yield (
            f"{self.videos} video{'s' * (self.videos != 1)}: {self.frames} frames in "
            f"{self.seconds:.1f} s ({speed:.1f} a second), {self.faces} faces in {self.tracks} "
            f"tracks, {len(self.errors)} could not be read whole"
        )


def run_videos(
    classifier: Classifier,
    sources: Sequence[Source],
    outputs: Sequence[Output | TableOutput],
    mode: Mode,
    every: Every,
    threads: int | None = None,
) -> VideoTally:
    """Classify the faces in the frames of videos, and write a row for each.

    Ctrl-C ends the run in good order: outputs and marked videos hold what was done until then.

    Args:
        classifier: Model with what finds the faces.
        sources: Videos, or a camera.
        outputs: Where to write the rows; files appear when the run ends.
        mode: How to treat what is there; `resume` is not looked at.
        every: Which frames are looked at.
        threads: Number of threads that search frames; None for the number of physical cores.

    Raises:
        OSError: Something cannot be written.
        OutputError: An input, or what `predict` did not write, would be overwritten.
        VideoError: A camera cannot be used. Of a file this is an error in its row.
        BundleError: The model gives anything but probabilities.
    """
    files = [source.file for source in sources]
    plan = plan_run(classifier, files, [o for o in outputs if isinstance(o, Output)], mode, True)
    labels, start = plan.record.settings.labels, perf_counter()
    tally = VideoTally()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                one.open(plan.record) if isinstance(one, Output) else one.open(labels, video=True)
            )
            for one in outputs
        ]
        run = _VideoRun(classifier, labels, writers, every, threads or default_threads(), tally)
        try:
            for source in sources:
                run.read(source, plan.copies.paths[source.file] if plan.copies else None)
        except KeyboardInterrupt:
            tally.is_interrupted = True
        tally.seconds = perf_counter() - start
    return tally


@dataclass(frozen=True)
class _VideoRun:
    """What all videos of a run share."""

    classifier: Classifier
    labels: Sequence[Label]
    writers: Sequence[WriteRows]
    every: Every
    threads: int
    tally: VideoTally

    def read(self, source: Source, copy: Path | None) -> None:
        """Read one video to its end, or to where it breaks off."""
        self.tally.videos += 1
        faces, error = self.tally.faces, ""
        try:
            with source.open() as video:
                error = self._read(video, source, copy)
        except VideoError as unread:
            if source.is_live:
                raise
            error = str(unread)
        if error:
            self.tally.errors.append(f"{source.file}: {error}")
        if error or self.tally.faces == faces:
            self._write(Outcome(source.file, error=error or NO_FACE).rows(self.labels))

    def _read(self, video: Video, source: Source, copy: Path | None) -> str:
        """Return why the video could not be read to its end; empty if it could."""
        frames = _Frames(video, self.every)
        name = one_line(printable(source.file.name), 40)
        mark: WriteFrame | None = None
        tracks: set[int] = set()
        with ExitStack() as stack:
            update = stack.enter_context(progress(name))
            for frame, faces in self._followed(frames, source.is_live):
                if copy and not mark:
                    mark = stack.enter_context(marked_video(copy, frame.image.size))
                if mark:
                    mark(frame, faces)
                self._write(_rows(source.file, frame, faces, self.labels))
                new = {one.track for one in faces} - tracks
                tracks |= new
                self.tally.frames += 1
                self.tally.faces += len(faces)
                self.tally.tracks += len(new)
                if video.expected_frames:
                    update(min(frame.number + 1, video.expected_frames), video.expected_frames)
        return frames.error

    def _write(self, rows: Iterable[Row]) -> None:
        complete = [row | {name: row.get(name) for name in OF_VIDEO} for row in rows]
        for write in self.writers:
            write(complete)

    def _followed(
        self, frames: Iterable[Frame], is_live: bool
    ) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """Yield the frames with their faces; several are searched at the same time."""
        stream = FaceStream(self.classifier.info.labels)
        prepared = self._prepared(frames, 0 if is_live else _PIXELS_AHEAD)
        while batch := list(islice(prepared, 1 if is_live else _BATCH)):
            labeled = self.classifier.label([found.faces for _, found in batch])
            for (frame, _), faces in zip(batch, labeled, strict=True):
                yield frame, stream.follow(faces, frame.seconds)

    def _prepared(
        self, frames: Iterable[Frame], pixels_ahead: int
    ) -> Iterator[tuple[Frame, PreparedPicture]]:
        waiting: deque[tuple[Frame, Future[PreparedPicture]]] = deque()
        with interruptible_pool(self.threads) as pool:
            for frame in frames:
                waiting.append((frame, pool.submit(self.classifier.prepare, frame.image)))
                pixels = frame.image.width * frame.image.height
                if len(waiting) > min(2 * _BATCH, pixels_ahead // pixels):
                    first, future = waiting.popleft()
                    yield first, future.result()
            for frame, future in waiting:
                yield frame, future.result()


@dataclass
class _Frames:
    """The frames of a video up to where it breaks off, and why it does."""

    video: Video
    every: Every
    error: str = ""

    def __iter__(self) -> Iterator[Frame]:
        try:
            yield from self.video.frames(self.every)
        except VideoError as error:
            self.error = str(error)


def _rows(
    file: Path, frame: Frame, faces: Sequence[TrackedFace], labels: Sequence[Label]
) -> Iterator[Row]:
    if not faces:
        return
    rows = Outcome(file, [one.face for one in faces]).rows(labels)
    for row, one in zip(rows, faces, strict=True):
        seen = (frame.number, round(frame.seconds, 3), one.track)
        yield row | dict(zip(OF_VIDEO, seen, strict=True))
