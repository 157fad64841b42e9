"""Where the rows of `predict` go: a file, a stream, and what an earlier run left there."""

import csv
import os
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOENT
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path
from typing import Literal, TextIO

from data.atomic import replacing
from inference.bundle import digest
from inference.errors import OutputError
from inference.predict.rows import NO_FACE, Row, RowFormat, WriteRows
from inference.predict.run_record import RunRecord

Keep = Callable[[str], bool]  # by a file's name in the rows

_KEEP_BYTES = "surrogateescape"  # a file name that is not UTF-8 has the bytes it has on disk


@dataclass(frozen=True)
class Output:
    """Rows in one format: a file, standard output, a device or a pipe.

    A file takes its name when it is complete. Until then it is `.NAME.part`; `NAME.run.json` says
    which run wrote it. Links are followed.

    Attributes:
        format: Format of the rows, `rows.CSV` or `rows.JSONL`.
        target: File, device or pipe; `-` is standard output.

    Example:
        >>> from inference.predict.rows import CSV, JSONL
        >>> Output(CSV).is_stdout, Output(JSONL, Path("new.jsonl")).is_file
        (True, True)
    """

    format: RowFormat
    target: Path = Path("-")

    @property
    def is_stdout(self) -> bool:
        """Whether the rows go to standard output, by whatever name."""
        return str(self.target) == "-" or _is_descriptor(self.target, 1)

    @property
    def is_file(self) -> bool:
        """Whether it is a file that appears when complete; else it is written to as it is."""
        if self.is_stdout or str(self.target.parent) in ("/dev", "/dev/fd", "/proc/self/fd"):
            return False
        return self.target.is_file() or not self.target.exists()

    @property
    def file(self) -> Path:
        """The file itself, where the target is a link."""
        return Path(os.path.realpath(self.target))

    @property
    def paths(self) -> list[Path]:
        """All files that are written."""
        return [self.file, self._part, self._record] if self.is_file else []

    @property
    def _part(self) -> Path:
        return self.file.with_name(f".{self.file.name}.part")

    @property
    def _record(self) -> Path:
        return self.file.with_name(f"{self.file.name}.run.json")

    @property
    def record(self) -> RunRecord | None:
        """The record of the run whose output can be continued; None if there is none."""
        return RunRecord.read(self._record) if self._earlier else None

    @property
    def _earlier(self) -> Path | None:
        """The file that can be continued: one that was cut off, else the complete one."""
        record = RunRecord.read(self._record)
        if record and self._part.is_file():
            return self._part
        return self.file if record and record.finished and self.file.is_file() else None

    def refuse_foreign(self, inputs: Container[tuple[int, int]], resume: bool = False) -> None:
        """Refuse to overwrite what no earlier run left here.

        Args:
            inputs: Device and inode of the files to read, see `inode`.
            resume: Whether the output is continued, even if it was changed since.

        Raises:
            OutputError: A file there is one to read, or was not written by `predict`, or was
                changed since.
        """
        record = RunRecord.read(self._record)
        for path in filter(Path.exists, self.paths):
            if inode(path) in inputs:
                raise _refused(f"{path} is one of the files to read")
            if not record:
                raise _refused(
                    f"{path} was not written by `predict`, or by a version that kept no record"
                )
        is_judged = record and not resume and self.file in self.paths and self.file.exists()
        if record and is_judged and not record.wrote(self.file):
            raise _refused(f"{self.file} was changed since `predict` wrote it")

    def finished(self) -> dict[str, bool]:
        """Return the files that an earlier run finished.

        Returns:
            Whether the file could be read, by its name in the rows.

        Raises:
            OutputError: The output was not written by `predict`.
        """
        return {str(rows[0]["file"]): _was_read(rows) for rows in self._finished()}

    def _finished(self) -> Iterator[list[Row]]:
        """Yield each finished file's rows; unless all is complete, the last may be cut off."""
        earlier, record = self._earlier, self.record
        if not earlier or not record:
            return
        is_complete = digest(earlier) == record.finished
        try:
            with _opened(earlier, "r") as stream:
                waiting: list[Row] = []
                read = self.format.read(stream, record.settings.labels)
                for _, rows in groupby(read, key=lambda row: row["file"]):
                    if waiting:
                        yield waiting
                    waiting = list(rows)
            if waiting and is_complete:
                yield waiting
        except (KeyError, TypeError, ValueError, csv.Error):
            raise _refused(f"{earlier} was not written by `predict`") from None

    @contextmanager
    def open(
        self, record: RunRecord, keep: Callable[[str], bool] | None = None
    ) -> Iterator[WriteRows]:
        """Open the output; a file appears when the block ends without an error.

        What was written before an error stays beside it, to be continued.

        Args:
            record: Record of the run that writes.
            keep: Function that says whether a file's rows of an earlier run are kept, by the name
                of the file in them; None to start anew.

        Yields:
            The function that writes rows.

        Raises:
            OSError: The output cannot be written.
            OutputError: Another run writes to it at the same time.

        Example:
            >>> import tempfile
            >>> from inference.predict.rows import JSONL
            >>> from inference.predict.run_record import RowSettings
            >>> record = RunRecord(settings=RowSettings(model="vgg16", framing="face"))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     output = Output(JSONL, Path(folder, "faces.jsonl"))
            ...     with output.open(record) as write:
            ...         write([{"file": "a.jpg", "p_man": 0.25}])
            ...         visible_before_the_end = output.target.exists()
            ...     visible_before_the_end, output.target.read_text().strip()
            (False, '{"file": "a.jpg", "p_man": 0.25}')
        """
        with _naming(self.target):
            if self.is_file:
                with self._open_file(record, keep) as write:
                    yield write
                return
            with self._stream() as stream:
                columns = (record.settings.labels, record.settings.more_columns)
                stream.write(self.format.head(*columns))
                yield self.format.writer(stream, *columns)

    @contextmanager
    def _stream(self) -> Iterator[TextIO]:
        if not self.is_stdout:
            with _opened(self.target, "a") as stream:  # not "w": `/dev/fd/3` may be a file's end
                yield stream
            return
        stream = TextIOWrapper(sys.stdout.buffer, "utf-8", _KEEP_BYTES, newline="")
        try:
            yield stream
            stream.flush()
        finally:
            stream.detach()

    @contextmanager
    def _open_file(
        self, record: RunRecord, keep: Callable[[str], bool] | None
    ) -> Iterator[WriteRows]:
        if not self.file.parent.is_dir():  # probably a typing error: not made
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(self.target))
        before = digest(self.file) if self.file.exists() else None
        columns = (record.settings.labels, record.settings.more_columns)
        with replacing(self._part) as new, _opened(new, "w") as stream:
            write = self.format.writer(stream, *columns)
            stream.write(self.format.head(*columns))
            for rows in self._finished() if keep else ():
                if keep and keep(str(rows[0]["file"])):
                    write(rows)
        record = record.model_copy(update={"before": before, "finished": None})
        record.write(self._record)
        with _opened(self._part, "a") as stream:
            yield self.format.writer(stream, *columns)
            os.fsync(stream.fileno())
            if not self._part.exists() or not _is_descriptor(self._part, stream.fileno()):
                raise OutputError(f"another run writes {self.file} at the same time")
        record.model_copy(update={"finished": digest(self._part)}).write(self._record)
        self._part.replace(self.file)


def inode(path: Path) -> tuple[int, int]:
    """Return device and inode, by which a file is the same whatever its names. Raises OSError.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file, link = Path(folder, "file"), Path(folder, "link")
        ...     file.touch()
        ...     link.symlink_to(file)
        ...     inode(link) == inode(file)
        True
    """
    status = path.stat()
    return status.st_dev, status.st_ino


def _was_read(rows: list[Row]) -> bool:
    return rows[0]["error"] in ("", NO_FACE)


def _refused(what: str) -> OutputError:
    return OutputError(f"{what}: choose another name, or start anew with --force")


def _is_descriptor(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an error of writing name the file, as one of opening does."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _opened(path: Path, mode: Literal["r", "w", "a"]) -> TextIO:
    return path.open(mode, encoding="utf-8", errors=_KEEP_BYTES, newline="")
