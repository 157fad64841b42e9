"""A run of `predict`: planned before anything is written, then a row a face into each output."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from data import ImageError
from data.progress import progress
from inference.classifier import Classifier
from inference.detection.finder import PreparedFace
from inference.errors import OutputError
from inference.explanation.explainer import Explanation
from inference.faces import Face
from inference.predict.marked_copies import MarkedCopies
from inference.predict.outcomes import Explain, Outcome, interruptible_pool, outcomes
from inference.predict.outputs import Output, inode
from inference.predict.row_table import TableOutput
from inference.predict.rows import Row, written_name
from inference.predict.run_record import RowSettings, RunRecord


@dataclass(frozen=True)
class Mode:
    """How a run treats what it finds.

    Attributes:
        resume: Whether to continue where an earlier run was interrupted: files that it read are
            not done again.
        force: Whether to overwrite whatever is there.
        annotate: Folder for copies with the faces marked; None for no copies.
        explain: Name of the label that the copies explain; None for none.
    """

    resume: bool = False
    force: bool = False
    annotate: Path | None = None
    explain: str | None = None


@dataclass
class Tally:
    """Counts of a run.

    Attributes:
        files: Number of files of this run.
        faces: Number of faces in them.
        unread: Number of files that could not be read.
        earlier: Number of files that earlier runs did.
        earlier_unread: Number of those that could not be read.
        not_copied: Number of marked copies that could not be written.
        first_not_copied: File and reason of the first of them.
        explained: Number of faces that were explained.
        explained_seconds: Seconds that this took.

    Example:
        >>> tally = Tally(earlier=3)
        >>> tally.count(Outcome(Path("a.jpg"), error="no such file", was_read=False))
        >>> for line in tally.lines():
        ...     print(line)
        1 files: 0 faces, 1 could not be read
        with earlier runs 4 files: 1 could not be read
        >>> tally.is_whole
        False
    """

    files: int = 0
    faces: int = 0
    unread: int = 0
    earlier: int = 0
    earlier_unread: int = 0
    not_copied: int = 0
    first_not_copied: str = ""
    explained: int = 0
    explained_seconds: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether every file of the whole output was read, and copied if copies are made."""
        return not (self.unread or self.earlier_unread or self.not_copied)

    def count(self, outcome: Outcome) -> None:
        """Count one file."""
        self.files += 1
        self.faces += len(outcome.faces)
        self.unread += not outcome.was_read

    def lines(self) -> Iterator[str]:
        """Yield the summary, line by line."""
        yield f"{self.files} files: {self.faces} faces, {self.unread} could not be read"
        if self.earlier:
            unread = self.unread + self.earlier_unread
            yield f"with earlier runs {self.files + self.earlier} files: {unread} could not be read"
        if self.explained:
            each = self.explained_seconds / self.explained
            yield f"{self.explained} faces explained, {each:.2g} s each"
        if self.not_copied:
            yield f"{self.not_copied} marked copies not written, first {self.first_not_copied}"


def run(
    classifier: Classifier,
    files: Sequence[Path],
    outputs: Sequence[Output | TableOutput],
    mode: Mode = Mode(),
    threads: int | None = None,
) -> Tally:
    """Classify the faces in many files, and write a row for each.

    When it is interrupted or fails, what is done is kept for `Mode.resume`.

    Args:
        classifier: Model with what finds the faces.
        files: Picture files, each once.
        outputs: Where to write the rows; files appear when they are complete.
        mode: How to treat what is there.
        threads: Number of threads that read; None for the number of physical cores.

    Raises:
        OSError: Something cannot be written.
        OutputError: An input, or what `predict` did not write, would be overwritten, or the rows
            of two models be mixed.
        BundleError: The model gives anything but probabilities.
    """
    plan = plan_run(classifier, files, [out for out in outputs if isinstance(out, Output)], mode)
    tally, labels = plan.tally, plan.record.settings.labels
    keep = plan.keeps if mode.resume else None
    with ExitStack() as stack:
        writers: list[Callable[[Iterable[Row]], None]] = []
        for output in outputs:
            if isinstance(output, Output):
                writers.append(stack.enter_context(output.open(plan.record, keep)))
            else:
                writers.append(stack.enter_context(output.open(labels)))
        copy = stack.enter_context(_copying(plan.copies, tally))
        update = stack.enter_context(progress("classifying"))
        explain = _explaining(classifier, mode.explain, tally) if mode.explain else None
        for outcome in outcomes(classifier, plan.files, threads, explain):
            for write in writers:
                write(outcome.rows(labels))
            copy(outcome)
            tally.count(outcome)
            update(tally.files, len(plan.files))
    return tally


@dataclass(frozen=True)
class Plan:
    """What is left to do, and what is there already.

    Attributes:
        files: Picture files that are left to classify.
        redone: Names that those files have in rows.
        record: Record of this run.
        copies: Marked copies to write; None for none.
        tally: Counts, with those of earlier runs.
    """

    files: list[Path]
    redone: set[str]
    record: RunRecord
    copies: MarkedCopies | None
    tally: Tally

    def keeps(self, name: str) -> bool:
        """Whether a file's rows of an earlier run are kept."""
        return name not in self.redone


def plan_run(
    classifier: Classifier,
    files: Sequence[Path],
    outputs: Sequence[Output],
    mode: Mode,
    videos: bool = False,
) -> Plan:
    """Check that all may be written, before anything is.

    Args:
        classifier: Model with what finds the faces.
        files: Files to read, each once.
        outputs: Where the rows are written.
        mode: How to treat what is there.
        videos: Whether the files are videos; else they are pictures.

    Raises:
        OSError: The folder of the marked copies cannot be written to.
        OutputError: See `run`.
    """
    inputs = set(_inodes(files))
    _refuse_same(outputs)
    for output in () if mode.force else outputs:
        output.refuse_foreign(inputs, mode.resume)
    settings = RowSettings.of(classifier, mode.annotate, mode.explain, videos)
    records = [output.record for output in outputs] if mode.resume else []
    for output, record in zip(outputs, records, strict=False):
        if record:
            record.refuse_other(settings, output.target)
    earlier = [output.finished() for output in outputs] if mode.resume else []
    known = next((record.copied_from for record in records if record), None)
    copies = None
    if mode.annotate:
        copies = MarkedCopies.plan(files, mode.annotate, Path(known) if known else None, videos)
    left = [file for file in files if not _is_done(file, earlier, copies)]
    if copies:
        if not mode.force:
            copies.refuse_foreign(left, inputs)
        copies.check_writable()
    redone = {written_name(str(file)) for file in left}
    kept = [was_read for name, was_read in (earlier or [{}])[0].items() if name not in redone]
    tally = Tally(earlier=len(kept), earlier_unread=kept.count(False))
    copied_from = str(copies.copied_from) if copies else None
    record = RunRecord(settings=settings, copied_from=copied_from)
    return Plan(left, redone, record, copies, tally)


def _is_done(file: Path, earlier: Sequence[dict[str, bool]], copies: MarkedCopies | None) -> bool:
    """Whether an earlier run read the file into all outputs, and copied it if copies are made."""
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


def _explaining(classifier: Classifier, label: str, tally: Tally) -> Explain:
    """Return the function that explains a face, and counts what it took."""

    def explain(face: Face, prepared: PreparedFace) -> Explanation:
        start = perf_counter()
        explanation = classifier.explain_face(face, prepared.pixels, label)
        tally.explained += 1
        tally.explained_seconds += perf_counter() - start
        return explanation

    return explain


@contextmanager
def _copying(copies: MarkedCopies | None, tally: Tally) -> Iterator[Callable[[Outcome], None]]:
    """Yield the function that writes the copy of a file, and counts those it cannot write."""

    def copy(outcome: Outcome) -> None:
        if not copies or not outcome.was_read:
            return
        try:
            pool.submit(copies.write, outcome.file, outcome.faces, outcome.explanations).result()
        except (OSError, ImageError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            tally.first_not_copied = tally.first_not_copied or f"{outcome.file}: {reason}"
            tally.not_copied += 1

    with interruptible_pool(1) as pool:
        yield copy
