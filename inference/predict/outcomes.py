"""What becomes of many files: read ahead in threads, classified in batches, in constant memory."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from data import ImageError
from data.images import room_to_decode
from data.messages import one_line
from inference.classifier import Classifier
from inference.detection.finder import PreparedFace
from inference.faces import Face
from inference.predict.rows import JSON_FIELDS, NO_FACE, Row, written_name
from inference.runtime.machine import default_threads

_BATCH = 32
_AHEAD = 2 * _BATCH  # pictures read or being read before their batch is classified


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its faces, or the reason why there are none.

    Attributes:
        file: Path of the file.
        faces: Faces in the picture from left to right.
        error: Reason why there are no faces; empty if there are.
        was_read: Whether the picture could be read and searched.

    Example:
        >>> [row] = Outcome(Path("a.jpg"), error="no such file", was_read=False).rows()
        >>> row["file"], row["face"], row["error"]
        ('a.jpg', None, 'no such file')
    """

    file: Path
    faces: list[Face] = field(default_factory=list)
    error: str = ""
    was_read: bool = True

    def rows(self) -> Iterator[Row]:
        """Yield one row a face with all `JSON_FIELDS`, or one row with the error."""
        name = written_name(str(self.file))
        blank: Row = dict.fromkeys(JSON_FIELDS) | {"file": name, "error": self.error}
        if not self.faces:
            yield blank
        for face in self.faces:
            row = blank | face.to_dict() | {"p_man": round(face.p_man, 6)}
            yield {name: row[name] for name in JSON_FIELDS}


def outcomes(
    classifier: Classifier, files: Iterable[Path], threads: int | None = None
) -> Iterator[Outcome]:
    """Classify the faces in many files, reading ahead of inference.

    The calling thread only waits, so that Ctrl-C reaches it at once.

    Args:
        classifier: Model with what finds the faces.
        files: Paths of the pictures, which need not all be readable.
        threads: Number of threads that read; None for the number of physical cores.

    Yields:
        What became of each file, in order.

    Raises:
        BundleError: The model gives anything but a probability.
    """
    prepared = _prepared(classifier, files, threads or default_threads())
    with interruptible_pool(1) as pool:
        while batch := list(islice(prepared, _BATCH)):
            prepared_faces = [found for _, found in batch if isinstance(found, list)]
            faces = iter(pool.submit(classifier.label, prepared_faces).result())
            for file, found in batch:
                if isinstance(found, str):
                    yield Outcome(file, error=found, was_read=False)
                else:
                    yield Outcome(file, next(faces), "" if found else NO_FACE)


def _prepared(
    classifier: Classifier, files: Iterable[Path], threads: int
) -> Iterator[tuple[Path, list[PreparedFace] | str]]:
    def prepare(file: Path) -> list[PreparedFace] | str:
        try:
            with room_to_decode(file):
                return classifier.prepare(file).faces
        except ImageError as error:
            return str(error)
        except Exception as error:  # of a detector without memory: one picture, not the run
            return f"cannot be searched for faces: {one_line(error, 120)}"

    waiting: deque[tuple[Path, Future[list[PreparedFace] | str]]] = deque()
    with interruptible_pool(threads) as pool:
        for file in files:
            waiting.append((file, pool.submit(prepare, file)))
            if len(waiting) >= _AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for file, future in waiting:
            yield file, future.result()


@contextmanager
def interruptible_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads that nobody waits for when the block is left early.

    Args:
        threads: Number of threads, at least 1.

    Yields:
        Pool of threads; when the block is left, what waits in it is canceled.

    Example:
        >>> with interruptible_pool(2) as pool:
        ...     list(pool.map(abs, [-1, 2]))
        [1, 2]
    """
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
