"""The `predict` command: many pictures in, one CSV row a face out, in constant memory."""

import csv
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from data import ImageError, is_image_name
from inference.classifier import Classifier, Face, Region

HEADER = "file,face,left,top,right,bottom,detection_score,p_man,label,error"
_BATCH = 32
_AHEAD = 4 * _BATCH  # pictures decoded or being decoded before their batch is classified


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its faces, or the reason why there are none."""

    file: Path
    faces: list[Face] = field(default_factory=list)
    error: str = ""
    was_read: bool = True

    def rows(self) -> Iterator[tuple[str | int | float | None, ...]]:
        """Yield one CSV row a face in the order of `HEADER`, or one row with the error."""
        if not self.faces:
            yield (str(self.file), *[None] * 8, self.error)
        for face in self.faces:
            *place, p_man, label = astuple(face)
            yield (str(self.file), *place, f"{p_man:.6f}", label, "")


@dataclass
class Tally:
    """Counts of a finished run."""

    files: int = 0
    faces: int = 0
    unread: int = 0


def expand(paths: Iterable[Path]) -> list[Path]:
    """Return the files to read: the given ones, and the images below the given folders, sorted.

    In folders, hidden files and files without an image's extension are passed over.
    Raises FileNotFoundError for a path that does not exist.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(
                file for file in path.rglob("*") if is_image_name(file.name) and file.is_file()
            )
        elif path.exists():
            files.append(path)
        else:
            raise FileNotFoundError(f"no such file or folder: {path}")
    return files


def outcomes(classifier: Classifier, files: Iterable[Path]) -> Iterator[Outcome]:
    """Yield what became of each file, in order, decoding in threads ahead of inference."""
    prepared = _prepared(classifier, files)
    while batch := list(islice(prepared, _BATCH)):
        faces = iter(classifier.label([found for _, found in batch if isinstance(found, list)]))
        for file, found in batch:
            if isinstance(found, str):
                yield Outcome(file, error=found, was_read=False)
            else:
                yield Outcome(file, next(faces), "" if found else "no face found")


def _prepared(
    classifier: Classifier, files: Iterable[Path]
) -> Iterator[tuple[Path, list[Region] | str]]:
    def prepare(file: Path) -> list[Region] | str:
        try:
            return classifier.prepare(file)
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


def run(classifier: Classifier, files: Sequence[Path], target: Path) -> Tally:
    """Classify `files` into the CSV `target` (`-` is standard output), with a progress bar.

    The CSV appears when it is complete. Raises OSError if it cannot be written.
    """
    tally = Tally()
    with _sink(target) as stream, _progress() as progress:
        bar = progress.add_task("classifying", total=len(files))
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER.split(","))
        for outcome in outcomes(classifier, files):
            writer.writerows(outcome.rows())
            tally.files += 1
            tally.faces += len(outcome.faces)
            tally.unread += not outcome.was_read
            progress.advance(bar)
    return tally


@contextmanager
def _sink(target: Path) -> Iterator[TextIO]:
    if str(target) == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    part = target.with_name(f".{target.name}.part")
    if target.exists() and not target.is_file():
        part = target  # a pipe or device: written through, never renamed over
    try:
        # surrogateescape: a file name that is not UTF-8 comes out as the bytes it has on disk
        with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            yield stream
        if part != target:
            part.replace(target)
    except BaseException:
        if part != target:
            part.unlink(missing_ok=True)
        raise


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
