"""Shards of an image store: some rows of its manifest each, decoded and written by one process.

A shard is four files: `.npy` with the images that could be used, `.digests` with a digest of each,
`.sources` with what each was made of, and `.json` with what was left out, which is written last and
so says that the shard is complete.
What a killed process leaves are the shards that it completed; the same call goes on with the rest.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
from pydantic import BaseModel

from data.atomic import replacing
from data.images import (
    Framing,
    ImageError,
    NoFaceError,
    decode,
    room_to_decode,
    share_room,
    to_square,
)
from data.kept_squares import SOURCES, KeptSquares, pixel_digest
from data.locks import alone
from data.progress import ProgressCallback
from data.records import read_record, write_record
from data.rows import Rows, open_rows, shards_of

_BATCH = 256
_MANY = 8192  # images from which on processes gain more than starting them takes
_WATCH_SECONDS = 0.5
_DIGEST = np.dtype("S16")


class Guess(NamedTuple):
    """What is used of an image in which no face was found that can be judged.

    Attributes:
        pixels: Square that a classifier sees, uint8 [size, size, 3].
        reason: What was found, in one line.
    """

    pixels: np.ndarray
    reason: str


@dataclass(frozen=True, eq=False)
class FaceSearch:
    """How faces are found in images that are not aligned, by a detector that `data` knows not.

    Attributes:
        cut_out: Function that takes the path of an image and a size, and gives its face as the
            square that a classifier sees, uint8 [size, size, 3]. Where there is none it gives a
            `Guess`, or raises `NoFaceError` to leave the image out, and `ImageError` where it
            cannot be read; several threads call it, and several processes, so that it must be a
            function that can be pickled.
        version: Text that changes when the same images give other squares.
        rows: Whether the face is searched for in each of the N images, bool [N]; the others are
            cropped as they are.

    Example:
        >>> def red(path: Path, size: int) -> np.ndarray:
        ...     return np.full((size, size, 3), (255, 0, 0), np.uint8)
        >>> search = FaceSearch(red, version="red 1", rows=np.array([True, False]))
        >>> int(search.rows.sum())
        1
    """

    cut_out: Callable[[Path, int], np.ndarray | Guess]
    version: str
    rows: np.ndarray


Square: TypeAlias = np.ndarray | Guess | ImageError
"""The image of a row, or why there is none."""


class LeftOut(BaseModel):
    """Images that are not in a store or a shard as they should be, by row of the manifest.

    Attributes:
        broken: Reasons of those that cannot be read.
        faceless: The same of those that show no face that can be used.
        guessed: The same of those of which a `Guess` is there.

    Example:
        >>> LeftOut(broken={4: "empty file"}, faceless={2: "no face found"}).rows
        {2: 'no face found', 4: 'empty file'}
    """

    broken: dict[int, str]
    faceless: dict[int, str] = {}
    guessed: dict[int, str] = {}

    @property
    def rows(self) -> dict[int, str]:
        """Reasons of all that are not there, in order of their rows."""
        return dict(sorted((self.broken | self.faceless).items()))

    def noted(self, row: int, square: Square) -> np.ndarray | None:
        """Note what is not as it should be of a row, and return its pixels, None if it has none."""
        if isinstance(square, NoFaceError):
            self.faceless[row] = str(square)
        elif isinstance(square, ImageError):
            self.broken[row] = str(square)
        elif isinstance(square, Guess):
            self.guessed[row] = square.reason
            return np.ascontiguousarray(square.pixels)
        else:
            return np.ascontiguousarray(square)
        return None


@dataclass(frozen=True)
class Shard:
    """Some rows of a store.

    Attributes:
        path: Path of its files, without suffix.
        rows: Rows of the manifest.
        size: Side of the images in pixels.

    Example:
        >>> Shard(Path("store/images-07"), slice(0, 1024), 96).npy.name
        'images-07.npy'
    """

    path: Path
    rows: slice
    size: int

    def __len__(self) -> int:
        return self.rows.stop - self.rows.start

    @property
    def npy(self) -> Path:
        """Its images, uint8 [n, size, size, 3]."""
        return self.path.with_suffix(".npy")

    @property
    def json(self) -> Path:
        """What it lacks, a `LeftOut`."""
        return self.path.with_suffix(".json")

    @property
    def digests(self) -> Path:
        """Digests of its images, see `digests_of`."""
        return self.path.with_suffix(".digests")

    def complete(self) -> LeftOut | None:
        """Return what was left out of it; None if it is absent or damaged."""
        left_out = read_record(self.json, LeftOut)
        if left_out is None:
            return None
        kept = len(self) - len(left_out.rows)
        return left_out if open_images([self.path], kept, self.size) is not None else None

    @property
    def sources(self) -> Path:
        """What its images were made of, see `data.kept_squares`."""
        return self.path.with_suffix(".sources")

    def write(self, decoding: "Decoding", progress: Callable[[], None]) -> None:
        """Write the shard.

        Args:
            decoding: How the images of its rows are decoded.
            progress: Called after each row.

        Raises:
            OSError: It cannot be written.
        """
        left_out, made = LeftOut(broken={}), []
        with replacing(self.npy) as unfinished, unfinished.open("wb") as file:
            _write_header(file, len(self), self.size)
            for row, square in enumerate(decoding.squares(self.size)):
                pixels = left_out.noted(self.rows.start + row, square)
                if pixels is not None:
                    file.write(pixels.data)
                    source = b"" if isinstance(square, Guess) else decoding.source(row)
                    made.append((source, pixel_digest(pixels)))
                progress()
            file.seek(0)
            _write_header(file, len(made), self.size)
        table = np.array(made, SOURCES)
        for path, content in ((self.digests, table["pixels"]), (self.sources, table)):
            with replacing(path) as new:
                new.write_bytes(content.tobytes())
        write_record(self.json, left_out)


def shards(store: Path, count: int, size: int) -> list[Shard]:
    """Divide a store into shards, see `data.rows.shards_of`.

    Args:
        store: Folder of the store.
        count: Number of rows of its manifest.
        size: Side of the images in pixels.

    Returns:
        The shards; one that is called `images` where there are few rows.

    Example:
        >>> [len(shard) for shard in shards(Path("store"), 2100, 96)]
        [1050, 1050]
    """
    parts = shards_of(count)
    paths = shard_paths(store, len(parts))
    return [Shard(path, rows, size) for path, rows in zip(paths, parts, strict=True)]


def shard_paths(store: Path, count: int) -> list[Path]:
    """Return the paths of so many shards, without suffix.

    Args:
        store: Folder of the store.
        count: Number of its shards.

    Example:
        >>> [path.name for path in shard_paths(Path("store"), 2)], shard_paths(Path("store"), 1)
        (['images-00', 'images-01'], [PosixPath('store/images')])
    """
    if count == 1:
        return [store / "images"]
    return [store / f"images-{number:02d}" for number in range(count)]


@dataclass(frozen=True, eq=False)
class Decoding:
    """How the images of some rows are decoded.

    Attributes:
        paths: Paths of the images.
        framing: The part of each image to keep.
        search: How faces are found; None to find none.
        workers: Number of threads, or of processes where there are many images.
        sources: What the images are made of, S16 [N], see `data.kept_squares`; None not to note it.
        kept: Those that earlier stores hold; None to decode all.

    Example:
        >>> [reason] = Decoding(["missing.jpg"], "face").squares(96)
        >>> reason
        ImageError('no such file')
    """

    paths: Sequence[str]
    framing: Framing
    search: FaceSearch | None = None
    workers: int = 1
    sources: np.ndarray | None = None
    kept: KeptSquares | None = None

    def of(self, rows: slice) -> "Decoding":
        """Return the same for some of the rows."""
        search = self.search and replace(self.search, rows=self.search.rows[rows])
        return replace(
            self,
            paths=self.paths[rows],
            search=search,
            sources=None if self.sources is None else self.sources[rows],
            kept=self.kept and self.kept.of(rows),
        )

    def source(self, row: int) -> bytes:
        """Return what the image of a row is made of, empty where it is not noted."""
        return b"" if self.sources is None else bytes(self.sources[row])

    def squares(self, size: int) -> Iterator[Square]:
        """Yield the images in order, a batch at a time in flight.

        Args:
            size: Side of the squares in pixels.
        """

        def square(row: int) -> Square:
            path = Path(self.paths[row])
            if self.kept and (square := self.kept.square(row)) is not None:
                return square
            try:
                with room_to_decode(path):
                    if self.search is not None and self.search.rows[row]:
                        return self.search.cut_out(path, size)
                    return to_square(decode(path), size, self.framing)
            except ImageError as error:
                return error

        count = len(self.paths)
        with ThreadPoolExecutor(self.workers) as pool:
            for start in range(0, count, _BATCH):
                yield from pool.map(square, range(start, min(start + _BATCH, count)))


def make(wanted: Sequence[Shard], decoding: Decoding, progress: ProgressCallback | None) -> None:
    """Make the shards that are not complete; several processes share them between them.

    Free ones are made first, then those that others were at, if they left any.

    Args:
        wanted: All shards of a store.
        decoding: How all its rows are decoded.
        progress: Called with the number of rows done and of all.

    Raises:
        OSError: They cannot be written.

    Example:
        >>> import tempfile
        >>> [shard] = shards(Path(tempfile.mkdtemp(), "store"), 1, 96)
        >>> make([shard], Decoding(["missing.jpg"], "face"), None)
        >>> shard.complete().broken
        {0: 'no such file'}
    """
    missing = [shard for shard in wanted if shard.complete() is None]
    total = sum(map(len, wanted))
    counter = _Counter(total - sum(map(len, missing)), total, progress)
    for wait in (False, True):
        missing = _busy_of(missing, decoding, counter, wait)


class _Counter:
    """Counts rows that are done."""

    def __init__(self, done: int, total: int, progress: ProgressCallback | None) -> None:
        self._done, self._total, self._progress = done, total, progress

    def add(self, rows: int = 1) -> None:
        self._done += rows
        if self._progress:
            self._progress(self._done, self._total)


def _busy_of(
    missing: Sequence[Shard], decoding: Decoding, counter: _Counter, wait: bool
) -> list[Shard]:
    """Make shards; return those that others were making."""
    if sum(map(len, missing)) < _MANY or min(decoding.workers, len(missing)) < 2:
        return [
            shard
            for shard in missing
            if not _made(shard, decoding.of(shard.rows), counter.add, wait)
        ]
    return list(_busy_of_processes(missing, decoding, counter, wait))


def _busy_of_processes(
    missing: Sequence[Shard], decoding: Decoding, counter: _Counter, wait: bool
) -> Iterator[Shard]:
    """The same by a thread in each of several processes.

    Pillow and NumPy hold the interpreter lock for a part of the time, which threads wait for.
    """
    from joblib import Parallel, delayed, parallel_config

    processes = min(decoding.workers, len(missing))
    one = replace(decoding, workers=1)
    jobs = [delayed(_made)(shard, one.of(shard.rows), _uncounted, wait) for shard in missing]
    begin = {"initializer": _begin_process, "initargs": (processes, os.getpid())}
    with parallel_config("loky", n_jobs=processes, **begin):
        results = Parallel(return_as="generator", batch_size=1)(jobs)
    for shard, made in zip(missing, results, strict=True):
        if not made:
            yield shard
            continue
        counter.add(len(shard))


def _begin_process(processes: int, caller: int) -> None:
    """Prepare one of several processes, which ends soon after its caller, also if that is killed.

    Loky's own would stay, idle.
    """

    def watch() -> None:
        while os.getppid() == caller:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    share_room(processes)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller says that it was interrupted
    threading.Thread(target=watch, daemon=True).start()


def _uncounted(*_: int) -> None:
    """Progress of a process, which the caller counts shard by shard."""


def _made(shard: Shard, decoding: Decoding, progress: Callable[..., None], wait: bool) -> bool:
    """Make a shard, unless another process is at it."""
    with alone(shard.path, wait=wait) as free:
        if not free:
            return False
        if shard.complete() is None:
            shard.write(decoding, progress)
        else:
            progress(len(shard))
    return True


def _write_header(file: BinaryIO, count: int, size: int) -> None:
    """NumPy pads the header, so that another count can be written over it."""
    facts = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
    np.lib.format.write_array_header_1_0(file, facts)


def digests_of(images: Iterable[np.ndarray]) -> np.ndarray:
    """Hash the pixels of images, by which they are known wherever they stand.

    Args:
        images: Images, uint8 [size, size, 3] each.

    Returns:
        BLAKE2b of each, 16 bytes, S16 [n].

    Example:
        >>> digests = digests_of(np.zeros((2, 8, 8, 3), np.uint8))
        >>> len(digests), len(set(digests)), digests.dtype.itemsize
        (2, 1, 16)
    """
    return np.array([*map(pixel_digest, images)], _DIGEST)


def open_images(paths: Sequence[Path], count: int, size: int) -> Rows | None:
    """Open the images of shards as one array.

    Args:
        paths: Paths of the shards, without suffix.
        count: Number of images that they hold together.
        size: Side of the images in pixels.

    Returns:
        uint8 [count, size, size, 3], memory-mapped; None if a file is missing or damaged.

    Example:
        >>> open_images([Path("missing")], 10, 96) is None
        True
    """
    try:
        images = open_rows([path.with_suffix(".npy") for path in paths])  # Fails on one cut short.
    except (OSError, EOFError, ValueError):
        return None
    fits = images.shape == (count, size, size, 3) and images.dtype == np.uint8
    return images if fits else None


def open_digests(paths: Sequence[Path], count: int) -> np.ndarray | None:
    """Read the digests of all images of shards.

    Args:
        paths: Paths of the shards, without suffix.
        count: Number of images that they hold together.

    Returns:
        S16 [count], see `digests_of`; None if a file is missing or damaged.

    Example:
        >>> open_digests([Path("missing")], 10) is None
        True
    """
    try:
        contents = [path.with_suffix(".digests").read_bytes() for path in paths]
        digests = np.frombuffer(b"".join(contents), _DIGEST)
    except (OSError, ValueError):
        return None
    return digests if len(digests) == count else None
