"""The `predict` command: many pictures in, one row a face out, in constant memory."""

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from data import ImageError, decode, is_image_name
from inference.annotation import annotate
from inference.classifier import Classifier, Face
from inference.finding import Region
from inference.outputs import FIELDS, Output, Row

_BATCH = 32
_AHEAD = 2 * _BATCH  # pictures read or being read before their batch is classified
NO_FACE = "no face found"


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its faces, or the reason why there are none."""

    file: Path
    faces: list[Face] = field(default_factory=list)
    error: str = ""
    was_read: bool = True

    def rows(self) -> Iterator[Row]:
        """Yield one row a face with the fields of `HEADER`, or one row with the error."""
        blank: Row = dict.fromkeys(FIELDS) | {"file": str(self.file), "error": self.error}
        if not self.faces:
            yield blank
        for face in self.faces:
            row = blank | asdict(face) | {"p_man": round(face.p_man, 6)}
            yield {name: row[name] for name in FIELDS}


@dataclass
class Tally:
    """Counts of a finished run."""

    files: int = 0
    faces: int = 0
    unread: int = 0


def expand(paths: Iterable[Path]) -> list[Path]:
    """Return the files to read: those given, those on the list at `-`, and images in folders.

    In folders, hidden files and files without an image's extension are passed over. `-` is a list
    on standard input, one path a line, or ended by NUL (`find -print0`). A pattern (`*.jpg`,
    `**/*.png`) that the shell left alone is expanded.
    Raises FileNotFoundError for a path that does not exist.
    """
    files: list[Path] = []
    for path in paths:
        if str(path) == "-":
            files += expand(map(Path, _listed()))
        elif path.is_dir():
            files += sorted(
                file for file in path.rglob("*") if is_image_name(file.name) and file.is_file()
            )
        elif path.exists():
            files.append(path)
        elif matches := sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))):
            files += expand(matches)
        else:
            raise FileNotFoundError(f"no such file or folder: {path}")
    return files


def _listed() -> list[str]:
    listed = sys.stdin.buffer.read()
    separator = b"\0" if b"\0" in listed else b"\n"
    return [os.fsdecode(line.rstrip(b"\r")) for line in listed.split(separator) if line.strip()]


def outcomes(classifier: Classifier, files: Iterable[Path]) -> Iterator[Outcome]:
    """Yield what became of each file, in order, reading in threads ahead of inference."""
    prepared = _prepared(classifier, files)
    while batch := list(islice(prepared, _BATCH)):
        faces = iter(classifier.label([found for _, found in batch if isinstance(found, list)]))
        for file, found in batch:
            if isinstance(found, str):
                yield Outcome(file, error=found, was_read=False)
            else:
                yield Outcome(file, next(faces), "" if found else NO_FACE)


def _prepared(
    classifier: Classifier, files: Iterable[Path]
) -> Iterator[tuple[Path, list[Region] | str]]:
    def prepare(file: Path) -> list[Region] | str:
        try:
            return classifier.prepare(file).regions
        except ImageError as error:
            return str(error)

    waiting: deque[tuple[Path, Future[list[Region] | str]]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for file in files:
            waiting.append((file, pool.submit(prepare, file)))
            if len(waiting) >= _AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for file, future in waiting:
            yield file, future.result()


def run(
    classifier: Classifier,
    files: Sequence[Path],
    outputs: Sequence[Output],
    resume: bool = False,
    annotated: Path | None = None,
) -> Tally:
    """Classify `files` into the `outputs`, with a progress bar; they appear when complete.

    `resume` goes on where an earlier run broke off: files finished in all outputs are not done
    again. `annotated` is a folder for copies with the faces marked.
    Raises OSError if something cannot be written, ResumeError if an output is not our own.
    """
    tally = Tally()
    done = set.intersection(*(output.done() for output in outputs)) if resume else set()
    files = [file for file in files if str(file) not in done]
    common = Path(os.path.commonpath([file.parent.resolve() for file in files] or [Path.cwd()]))
    with ExitStack() as stack:
        writers = [stack.enter_context(output.open(resume, done)) for output in outputs]
        progress = stack.enter_context(_progress())
        bar = progress.add_task("classifying", total=len(files))
        for outcome in outcomes(classifier, files):
            for write in writers:
                write(outcome.rows())
            if annotated and outcome.was_read:
                _annotate(outcome, _place(outcome.file, annotated, common))
            tally.files += 1
            tally.faces += len(outcome.faces)
            tally.unread += not outcome.was_read
            progress.advance(bar)
    return tally


def _place(file: Path, folder: Path, common: Path) -> Path:
    """Return where the marked copy of a file goes: below `folder` as the file below `common`."""
    name = file.name if file.suffix.lower() in (".jpg", ".jpeg") else f"{file.name}.jpg"
    return folder / file.parent.resolve().relative_to(common) / name


def _annotate(outcome: Outcome, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    annotate(decode(outcome.file), outcome.faces).save(copy, "JPEG", quality=90)


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
