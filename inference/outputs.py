"""Where the rows of `predict` go: CSV, JSON lines or a table; and what an earlier run left."""

import csv
import json
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Literal, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

HEADER = "file,face,left,top,right,bottom,detection_score,p_man,label,error"
FIELDS = HEADER.split(",")
Row = dict[str, str | int | float | None]
Write = Callable[[Iterable[Row]], None]

_SHOWN = 200  # rows in a table; for more than that there are files


class ResumeError(RuntimeError):
    """A file to go on with that no earlier run of this program left."""


@dataclass(frozen=True)
class Form:
    """How rows are written to a stream, and read back where that can be."""

    writing: Callable[[TextIO], AbstractContextManager[Write]]
    read: Callable[[TextIO], Iterator[Row]] = lambda _: iter(())


@contextmanager
def _writing_csv(stream: TextIO) -> Iterator[Write]:
    writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
    writer.writeheader()
    yield lambda rows: writer.writerows(map(_fixed, rows))


def _fixed(row: Row) -> Row:
    """Give the probability six decimals, so that columns line up and small values show no e-7."""
    p_man = row["p_man"]
    return row | {"p_man": f"{p_man:.6f}"} if isinstance(p_man, float) else row


def _read_csv(stream: TextIO) -> Iterator[Row]:
    for row in csv.DictReader(stream, restval=""):
        yield {name: row[name] for name in FIELDS}


@contextmanager
def _writing_jsonl(stream: TextIO) -> Iterator[Write]:
    yield lambda rows: stream.writelines(json.dumps(row) + "\n" for row in rows)


def _read_jsonl(stream: TextIO) -> Iterator[Row]:
    for line in stream:
        if line.endswith("\n"):  # else it is broken off
            yield {name: json.loads(line)[name] for name in FIELDS}


@contextmanager
def _writing_table(stream: TextIO) -> Iterator[Write]:
    table = Table()
    table.add_column("file", overflow="fold", min_width=16)
    for name in ("face", "box", "P(man)"):
        table.add_column(name, no_wrap=True)
    table.add_column("answer")
    left_out = 0

    def write(rows: Iterable[Row]) -> None:
        nonlocal left_out
        for row in rows:
            if table.row_count < _SHOWN:
                table.add_row(*map(Text, _cells(row)))
            else:
                left_out += 1

    yield write
    if left_out:
        table.caption = f"{left_out} more rows: write them with --csv or --jsonl"
    Console(file=stream).print(table)


def _cells(row: Row) -> list[str]:
    if row["error"]:
        return [str(row["file"]), "", "", "", str(row["error"])]
    box = "{left},{top} {right},{bottom}".format_map(row)
    return [
        str(row["file"]),
        str(row["face"]),
        box,
        f"{row['p_man']:.1%}",
        str(row["label"]),
    ]


CSV = Form(_writing_csv, _read_csv)
JSONL = Form(_writing_jsonl, _read_jsonl)
TABLE = Form(_writing_table)


@dataclass(frozen=True)
class Output:
    """Rows in one form at `target` (`-` is standard output)."""

    form: Form
    target: Path = Path("-")

    @property
    def _part(self) -> Path:
        return self.target.with_name(f".{self.target.name}.part")

    @property
    def _earlier(self) -> Path:
        """What an earlier run left: broken off, else complete."""
        return self._part if self._part.is_file() else self.target

    def done(self) -> set[str]:
        """Return the files that an earlier run finished. Raises ResumeError if it is not ours."""
        return {str(rows[0]["file"]) for rows in self._finished()}

    def _finished(self) -> Iterator[list[Row]]:
        """Yield each finished file's rows: the last file's may be broken off."""
        if not self._earlier.is_file():
            return
        try:
            with _opened(self._earlier, "r") as stream:
                groups = groupby(self.form.read(stream), key=lambda row: row["file"])
                waiting: list[Row] = []
                for _, rows in groups:
                    if waiting:
                        yield waiting
                    waiting = list(rows)
        except (KeyError, TypeError, ValueError, csv.Error):
            raise ResumeError(f"{self._earlier} was not written by `predict`") from None

    @contextmanager
    def open(self, resume: bool = False, keep: Container[str] = ()) -> Iterator[Write]:
        """Yield what writes rows; the target appears when all are written.

        `resume` keeps the rows of the files in `keep`, and what is written if it breaks off.
        Raises OSError if it cannot be written.
        """
        if str(self.target) == "-":
            with self.form.writing(sys.stdout) as write:
                yield write
            sys.stdout.flush()
            return
        if self.target.exists() and not self.target.is_file():  # a pipe: never renamed over
            with _opened(self.target, "w") as stream, self.form.writing(stream) as write:
                yield write
            return
        kept = (rows for rows in self._finished() if rows[0]["file"] in keep) if resume else ()
        new = self._part.with_suffix(".new")
        try:
            with _opened(new, "w") as stream, self.form.writing(stream) as write:
                write(chain.from_iterable(kept))
                new.replace(self._part)
                yield write
            self._part.replace(self.target)
        except BaseException:
            new.unlink(missing_ok=True)
            if not resume:
                self._part.unlink(missing_ok=True)
            raise


def _opened(path: Path, mode: Literal["r", "w"]) -> TextIO:
    # surrogateescape: a file name that is not UTF-8 comes out as the bytes it has on disk
    return path.open(mode, encoding="utf-8", errors="surrogateescape", newline="")
