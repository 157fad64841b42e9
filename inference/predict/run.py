"""The `predict` command: many pictures in, one row a face out, in constant memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from data import ImageError
from data.images import room_to_decode
from inference.classifier import Classifier
from inference.detection.finder import PreparedFace
from inference.errors import OutputError
from inference.faces import Face
from inference.predict.marked_copies import MarkedCopies
from inference.predict.outputs import JSON_FIELDS, NO_FACE, Output, Row, inode, written_name
from inference.predict.progress import progress
from inference.predict.row_table import TableOutput
from inference.predict.run_record import RunRecord, settings_of
from inference.runtime.machine import default_threads

_BATCH = 32
_AHEAD = 2 * _BATCH  # pictures read or being read before their batch is classified


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its faces, or the reason why there are none."""

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


@dataclass(frozen=True)
class Mode:
    """How a run treats what it finds.

    `resume` goes on where an earlier run broke off: files that it read are not done again.
    `force` overwrites whatever is there. `annotate` is a folder for copies with the faces marked.
    """

    resume: bool = False
    force: bool = False
    annotate: Path | None = None


@dataclass
class Tally:
    """Counts of a finished run; `earlier` and `earlier_unread` are files that earlier runs did."""

    files: int = 0
    faces: int = 0
    unread: int = 0
    earlier: int = 0
    earlier_unread: int = 0
    not_copied: int = 0
    first_not_copied: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every file of the whole output was read, and copied where asked."""
        return not (self.unread or self.earlier_unread or self.not_copied)

    def count(self, outcome: Outcome) -> None:
        """Count one file."""
        self.files += 1
        self.faces += len(outcome.faces)
        self.unread += not outcome.was_read

    def lines(self) -> Iterator[str]:
        """Yield what to tell at the end."""
        yield f"{self.files} files: {self.faces} faces, {self.unread} could not be read"
        if self.earlier:
            unread = self.unread + self.earlier_unread
            yield f"with earlier runs {self.files + self.earlier} files: {unread} could not be read"
        if self.not_copied:
            yield f"{self.not_copied} marked copies not written, first {self.first_not_copied}"


def outcomes(
    classifier: Classifier, files: Iterable[Path], threads: int | None = None
) -> Iterator[Outcome]:
    """Yield what became of each file, in order, reading in `threads` ahead of inference.

    The calling thread only waits, so that Ctrl-C reaches it at once.
    """
    prepared = _prepared(classifier, files, threads or default_threads())
    with _pool(1) as pool:
        while batch := list(islice(prepared, _BATCH)):
            regions = [found for _, found in batch if isinstance(found, list)]
            faces = iter(pool.submit(classifier.label, regions).result())
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
            reason = " ".join(str(error).split()) or type(error).__name__
            return f"cannot be searched for faces: {reason[:120]}"

    waiting: deque[tuple[Path, Future[list[PreparedFace] | str]]] = deque()
    with _pool(threads) as pool:
        for file in files:
            waiting.append((file, pool.submit(prepare, file)))
            if len(waiting) >= _AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for file, future in waiting:
            yield file, future.result()


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that nobody waits for when the block is left early."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def run(
    classifier: Classifier,
    files: Sequence[Path],
    outputs: Sequence[Output | TableOutput],
    mode: Mode = Mode(),
    threads: int | None = None,
) -> Tally:
    """Classify `files` into the `outputs`, which appear when complete.

    When it is interrupted or fails, what is done is kept for `Mode.resume`.
    Raises OSError if something cannot be written, OutputError if that would overwrite an input or
    what is not our own, or mix the rows of two models.
    """
    plan = _plan(classifier, files, [out for out in outputs if isinstance(out, Output)], mode)
    tally = plan.tally
    keep = plan.keeps if mode.resume else None
    with ExitStack() as stack:
        writers: list[Callable[[Iterable[Row]], None]] = []
        for output in outputs:
            opened = output.open(plan.record, keep) if isinstance(output, Output) else output.open()
            writers.append(stack.enter_context(opened))
        copy = stack.enter_context(_copying(plan.copies, tally))
        advance = stack.enter_context(progress("classifying", len(plan.files)))
        for outcome in outcomes(classifier, plan.files, threads):
            for write in writers:
                write(outcome.rows())
            copy(outcome)
            tally.count(outcome)
            advance()
    return tally


@dataclass(frozen=True)
class _Plan:
    """What is left to do: `files`, whose names in rows are `redone`, and what is there already."""

    files: list[Path]
    redone: set[str]
    record: RunRecord
    copies: MarkedCopies | None
    tally: Tally

    def keeps(self, name: str) -> bool:
        """Whether a file's rows of an earlier run are kept."""
        return name not in self.redone


def _plan(
    classifier: Classifier, files: Sequence[Path], outputs: Sequence[Output], mode: Mode
) -> _Plan:
    """Check that all may be written, before anything is. Raises as `run`."""
    inputs = set(_inodes(files))
    _refuse_same(outputs)
    for output in () if mode.force else outputs:
        output.refuse_foreign(inputs, mode.resume)
    settings = settings_of(classifier, mode.annotate)
    records = [output.record for output in outputs] if mode.resume else []
    for output, record in zip(outputs, records, strict=False):
        if record:
            record.refuse_other(settings, output.target)
    earlier = [output.finished() for output in outputs] if mode.resume else []
    known = next((record.copied_from for record in records if record), None)
    copies = None
    if mode.annotate:
        copies = MarkedCopies.plan(files, mode.annotate, Path(known) if known else None)
    left = [file for file in files if not _is_done(file, earlier, copies)]
    if copies:
        if not mode.force:
            copies.refuse_foreign(left, inputs)
        copies.check_writable()
    redone = {written_name(str(file)) for file in left}
    kept = [was_read for name, was_read in (earlier or [{}])[0].items() if name not in redone]
    tally = Tally(earlier=len(kept), earlier_unread=kept.count(False))
    copied_from = str(copies.copied_from) if copies else None
    return _Plan(left, redone, RunRecord(settings, copied_from), copies, tally)


def _is_done(file: Path, earlier: Sequence[dict[str, bool]], copies: MarkedCopies | None) -> bool:
    """Whether an earlier run read the file into all outputs, and copied it where asked."""
    name = written_name(str(file))
    read = bool(earlier) and all(finished.get(name, False) for finished in earlier)
    return read and (copies is None or copies.has(file))


def _inodes(files: Iterable[Path]) -> Iterator[tuple[int, int]]:
    for file in files:
        try:
            yield inode(file)
        except (OSError, ValueError):  # it gets its row when it is read
            continue


def _refuse_same(outputs: Sequence[Output]) -> None:
    paths = [path for output in outputs for path in output.paths]
    if len(set(paths)) < len(paths):
        raise OutputError("two outputs would be written to the same file: give two names")


@contextmanager
def _copying(copies: MarkedCopies | None, tally: Tally) -> Iterator[Callable[[Outcome], None]]:
    """Yield what writes the copy of a file; what goes wrong with it is counted."""

    def copy(outcome: Outcome) -> None:
        if not copies or not outcome.was_read:
            return
        try:
            pool.submit(copies.write, outcome.file, outcome.faces).result()
        except (OSError, ImageError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            tally.first_not_copied = tally.first_not_copied or f"{outcome.file}: {reason}"
            tally.not_copied += 1

    with _pool(1) as pool:
        yield copy
