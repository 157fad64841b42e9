"""What becomes of many files: read ahead in threads, classified in batches, in constant memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from data import ImageError, Label
from data.images import room_to_decode
from data.messages import one_line
from inference.classifier import Classifier
from inference.detection.finder import PreparedFace
from inference.explanation.explainer import Explanation
from inference.faces import Face
from inference.predict.rows import NO_FACE, Row, json_fields, written_name
from inference.runtime.machine import default_threads

Explain = Callable[[Face, PreparedFace], Explanation]
"""Explains a face that is classified, given as the model saw it."""

_BATCH = 32
_AHEAD = 2 * _BATCH  # pictures read or being read before their batch is classified


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its faces, or the reason why there are none.

    Attributes:
        file: Path of the file.
        faces: Faces in the picture by rows, top to bottom, left to right in each.
        error: Reason why there are no faces; empty if there are.
        was_read: Whether the picture could be read and searched.
        explanations: Explanation of each face, where that was asked for.

    Example:
        >>> from data import GENDER
        >>> [row] = Outcome(Path("a.jpg"), error="no such file", was_read=False).rows([GENDER])
        >>> row["file"], row["face"], row["error"]
        ('a.jpg', None, 'no such file')
    """

    file: Path
    faces: list[Face] = field(default_factory=list)
    error: str = ""
    was_read: bool = True
    explanations: list[Explanation] = field(default_factory=list)

    def rows(self, labels: Sequence[Label]) -> Iterator[Row]:
        """Yield one row a face with all `json_fields`, or one row with the error.

        Args:
            labels: Labels of the model.
        """
        fields = json_fields(labels)
        name = written_name(str(self.file))
        blank: Row = dict.fromkeys(fields) | {"file": name, "error": self.error}
        if not self.faces:
            yield blank
        for face in self.faces:
            row = blank | face.to_dict()
            yield {field: _rounded(row[field]) for field in fields}


def _rounded(value: str | int | float | None) -> str | int | float | None:
    return round(value, 6) if isinstance(value, float) else value


def outcomes(
    classifier: Classifier,
    files: Iterable[Path],
    threads: int | None = None,
    explain: Explain | None = None,
) -> Iterator[Outcome]:
    """Classify the faces in many files, reading ahead of inference.

    The calling thread only waits, so that Ctrl-C reaches it at once.

    Args:
        classifier: Model with what finds the faces.
        files: Paths of the pictures, which need not all be readable.
        threads: Number of threads that read; None for the number of physical cores.
        explain: Function that explains a classified face; None for no explanations.

    Yields:
        What became of each file, in order.

    Raises:
        BundleError: The model gives anything but probabilities.
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
                    here = next(faces)
                    explained = list(pool.map(explain, here, found)) if explain else []
                    yield Outcome(file, here, "" if found else NO_FACE, explanations=explained)


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
