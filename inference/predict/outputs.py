"""Where the rows of `predict` go: CSV or JSON lines, in a file or a stream."""

import csv
import json
import os
import sys
from collections.abc import Callable, Container, Iterable, Iterator
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
from inference.predict.run_record import RunRecord

HEADER = "file,face,left,top,right,bottom,detection_score,p_man,label,error"
FIELDS = HEADER.split(",")
JSON_FIELDS = [*FIELDS, "quality"]
"""Names of a row's values; the CSV's columns are as scripts know them."""

NO_FACE = "no face found"
Row = dict[str, str | int | float | None]
"""A row by `JSON_FIELDS`; as read back from a CSV, all values are text."""

WriteRows = Callable[[Iterable[Row]], None]
Keep = Callable[[str], bool]  # by a file's name in the rows

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # ASCII and full width
_QUOTED = frozenset(',;"\t\r\n')  # `;` and tab: what spreadsheets split at elsewhere

_KEEP_BYTES = "surrogateescape"  # a file name that is not UTF-8 has the bytes it has on disk


def written_name(name: str) -> str:
    """Return a file's name as rows have it: one that a spreadsheet would run begins with `./`.

    Args:
        name: Name of the file.

    Example:
        >>> written_name("=1+1.jpg")
        './=1+1.jpg'
    """
    runs = name.lstrip().startswith(_FORMULA) or name[:1].isspace()
    return f"./{name}" if runs else name


def csv_text(rows: Iterable[Row]) -> str:
    """Return a whole CSV as `predict` writes it.

    Args:
        rows: Rows that have at least `FIELDS`.

    Example:
        >>> print(csv_text([dict.fromkeys(FIELDS) | {"file": "a.jpg", "p_man": 0.25}]))
        file,face,left,top,right,bottom,detection_score,p_man,label,error
        a.jpg,,,,,,,0.250000,,
        <BLANKLINE>
    """
    return f"{HEADER}\n{''.join(map(_csv_line, rows))}"


def _csv_line(row: Row) -> str:
    return ",".join(_quoted(_csv_cell(name, row[name])) for name in FIELDS) + "\n"


def _csv_cell(name: str, value: str | int | float | None) -> str:
    """Give the probability six decimals, so that columns line up and small values show no e-7."""
    if name == "file":
        return written_name(str(value))
    if name == "p_man" and isinstance(value, float):
        return f"{value:.6f}"
    return "" if value is None else str(value)


def _quoted(text: str) -> str:
    # csv.writer leaves a lone carriage return bare, at which readers begin a new row
    return text if _QUOTED.isdisjoint(text) else '"' + text.replace('"', '""') + '"'


def _read_csv(stream: TextIO) -> Iterator[Row]:
    reader = csv.DictReader(stream)
    if reader.fieldnames != FIELDS:
        raise ValueError("other columns")
    for row in reader:
        if row[FIELDS[-1]] is not None:  # else it is cut off, perhaps inside the file's name
            yield {name: row[name] for name in FIELDS}


def _json_line(row: Row) -> str:
    return json.dumps(row) + "\n"


def _read_jsonl(stream: TextIO) -> Iterator[Row]:
    for line in stream:
        if line.endswith("\n"):  # else it is cut off
            row = json.loads(line)
            yield {name: row[name] for name in FIELDS} | {"quality": row.get("quality")}


@dataclass(frozen=True)
class RowFormat:
    """How rows are written, and read back.

    Attributes:
        head: Text before the first row.
        line: Function that makes a row a line.
        read: Function that reads rows back.
    """

    head: str
    line: Callable[[Row], str]
    read: Callable[[TextIO], Iterator[Row]]

    def writer(self, stream: TextIO) -> WriteRows:
        """Return a function that writes rows to a stream without delay."""

        def write(rows: Iterable[Row]) -> None:
            stream.writelines(map(self.line, rows))
            stream.flush()

        return write


CSV = RowFormat(f"{HEADER}\n", _csv_line, _read_csv)
JSONL = RowFormat("", _json_line, _read_jsonl)


@dataclass(frozen=True)
class Output:
    """Rows in one format: a file, standard output, a device or a pipe.

    A file takes its name when it is complete. Until then it is `.NAME.part`; `NAME.run.json` says
    which run wrote it. Links are followed.

    Attributes:
        format: `CSV` or `JSONL`.
        target: File, device or pipe; `-` is standard output.

    Example:
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
                for _, rows in groupby(self.format.read(stream), key=lambda row: row["file"]):
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
            record: Run that writes.
            keep: Function that says whether a file's rows of an earlier run are kept, by the name
                of the file in them; None to start anew.

        Yields:
            The function that writes rows.

        Raises:
            OSError: The output cannot be written.
            OutputError: Another run writes to it at the same time.
        """
        with _naming(self.target):
            if self.is_file:
                with self._open_file(record, keep) as write:
                    yield write
                return
            with self._stream() as stream:
                stream.write(self.format.head)
                yield self.format.writer(stream)

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
        with replacing(self._part) as new, _opened(new, "w") as stream:
            stream.write(self.format.head)
            for rows in self._finished() if keep else ():
                if keep and keep(str(rows[0]["file"])):
                    self.format.writer(stream)(rows)
        record = record.model_copy(update={"before": before, "finished": None})
        record.write(self._record)
        with _opened(self._part, "a") as stream:
            yield self.format.writer(stream)
            os.fsync(stream.fileno())
            if not self._part.exists() or not _is_descriptor(self._part, stream.fileno()):
                raise OutputError(f"another run writes {self.file} at the same time")
        record.model_copy(update={"finished": digest(self._part)}).write(self._record)
        self._part.replace(self.file)


def inode(path: Path) -> tuple[int, int]:
    """Return device and inode, by which a file is the same whatever its names. Raises OSError."""
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
