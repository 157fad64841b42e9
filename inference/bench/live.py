"""Time frames of a camera, from JPEG to marked JPEG as the page does, part by part."""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter

from PIL import Image
from rich.table import Table

from data import ImageError, decode
from data.synthetic.writing import generate
from inference.classifier import Classifier
from inference.errors import PhotosError
from inference.inputs import expand
from inference.live.face_stream import FaceStream
from inference.live.frames import mark

PARTS = ("decode", "detect", "align", "classify", "follow", "mark", "encode")
SIZE = (640, 480)
"""Width and height of a frame, pixels."""

_DRAWN = (0, 1, 2, 6)  # faces in the drawn frames
_MOVES = 4  # pixels from frame to frame
_RATE = 10  # frames a second, by which predictions are smoothed


@dataclass(frozen=True)
class LiveTiming:
    """How long the frames of one picture take.

    Attributes:
        frames: What is in the frames.
        faces: Number of faces that were found in the last one.
        milliseconds: Time of each of `PARTS`, the median over the frames.
        total: Milliseconds of a whole frame, the median.

    Example:
        >>> timing = LiveTiming("drawn, 1", 1, dict.fromkeys(PARTS, 5.0), 40.0)
        >>> timing.rate, timing.cells()[:3]
        (25.0, ['drawn, 1', '1', '25.0'])
    """

    frames: str
    faces: int
    milliseconds: dict[str, float]
    total: float

    @property
    def rate(self) -> float:
        """Frames a second."""
        return 1e3 / self.total

    def cells(self) -> list[str]:
        """Return the figures as text, in the order of the report's columns."""
        parts = [f"{self.milliseconds[part]:.1f}" for part in PARTS]
        return [self.frames, str(self.faces), f"{self.rate:.1f}", *parts]


@dataclass(frozen=True)
class LiveReport:
    """The frames that were timed.

    Attributes:
        model: Name and precision of the model.
        rows: A timing for each picture.

    Example:
        >>> LiveReport("vgg16 int8", []).table().title
        'vgg16 int8 on frames of 640 x 480, ms'
    """

    model: str
    rows: list[LiveTiming]

    def to_dict(self) -> dict[str, object]:
        """Return the report for JSON."""
        rows = [
            {
                "frames": row.frames,
                "faces": row.faces,
                "frames_a_second": row.rate,
                "milliseconds": row.milliseconds,
            }
            for row in self.rows
        ]
        return {"model": self.model, "rows": rows}

    def table(self) -> Table:
        """Return the report for the terminal."""
        title = f"{self.model} on frames of {SIZE[0]} x {SIZE[1]}, ms"
        table = Table(title=title, padding=0)  # ten columns in 80 characters
        table.add_column("frames", overflow="fold")
        for head in ("faces", "frames/s", *PARTS):
            table.add_column(head, justify="right")
        for row in self.rows:
            table.add_row(*row.cells())
        return table


def bench_live(classifier: Classifier, folder: Path | None, rounds: int) -> LiveReport:
    """Time frames one after the other, as a camera sends them.

    Args:
        classifier: Model to time, with what finds the faces in frames.
        folder: Folder of photos to make frames of; None for drawn ones with 0 to 6 faces.
        rounds: Number of timed frames of each picture, at least 1; three more are not timed.

    Raises:
        PhotosError: There are no photos that can be read.
    """
    pictures = _photos(folder) if folder else _drawn()
    rows = [_timed(classifier, name, picture, rounds) for name, picture in pictures]
    return LiveReport(f"{classifier.info.backbone} {classifier.precision}", rows)


def _timed(classifier: Classifier, name: str, picture: Image.Image, rounds: int) -> LiveTiming:
    stream = FaceStream(classifier.info.labels)
    taken: list[dict[str, float]] = []
    faces = 0
    for number in range(rounds + 3):
        moved = picture.transform(
            SIZE, Image.Transform.AFFINE, (1, 0, _MOVES * (number % 8), 0, 1, 0)
        )
        content = _encoded(moved)
        start = perf_counter()
        frame = decode(content)
        decoded = perf_counter()
        seen = mark(classifier, stream, frame, number / _RATE)
        marked = perf_counter()
        _encoded(seen.image)
        end = perf_counter()
        ends = {"decode": (decoded - start) * 1e3, "encode": (end - marked) * 1e3}
        taken.append(seen.milliseconds | ends | {"total": (end - start) * 1e3})
        faces = len(seen.faces)
    medians = {part: median(one[part] for one in taken[3:]) for part in (*PARTS, "total")}
    total = medians.pop("total")
    return LiveTiming(name, faces, medians, total)


def _encoded(image: Image.Image) -> bytes:
    content = BytesIO()
    image.save(content, "JPEG", quality=85)
    return content.getvalue()


def _drawn() -> list[tuple[str, Image.Image]]:
    with tempfile.TemporaryDirectory() as folder:
        paths = sorted(generate(Path(folder, "portraits"), 6).rglob("*.jpg"))
        portraits = [decode(path) for path in paths]
    return [(f"drawn, {count}", _group(portraits[:count])) for count in _DRAWN]


def _group(portraits: Sequence[Image.Image]) -> Image.Image:
    picture = Image.new("RGB", SIZE, (120, 150, 120))
    for index, portrait in enumerate(portraits):
        picture.paste(portrait, (40 + index % 3 * 195, 15 + index // 3 * 235))
    return picture


def _photos(folder: Path) -> list[tuple[str, Image.Image]]:
    pictures = []
    for path in expand([folder]).files:
        with suppress(ImageError):
            photo = decode(path)
            photo.thumbnail(SIZE)
            picture = Image.new("RGB", SIZE)
            picture.paste(photo)
            pictures.append((path.name, picture))
    if not pictures:
        raise PhotosError(f"no photos in {folder} that can be read")
    return pictures
