"""The rows of `predict`, one a face: what they have, and how they are written and read back."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from data import Label
from data.spreadsheets import harmless, is_formula
from inference.faces import label_columns

BOX = ("left", "top", "right", "bottom")
"""Columns of a face's box, pixels."""

OF_VIDEO = ("frame", "seconds", "track")
"""Columns that rows of a video have behind the others."""

NO_FACE = "no face found"
Row = dict[str, str | int | float | None]
"""A row by `json_fields`; as read back from a CSV, all values are text."""

WriteRows = Callable[[Iterable[Row]], None]

_QUOTED = frozenset(',;"\t\r\n')  # `;` and tab: what spreadsheets split at elsewhere
_PROBABILITIES = ("p_", "probability")  # how their columns begin


def csv_columns(labels: Sequence[Label]) -> list[str]:
    """Return the columns of a CSV, as scripts know them.

    Args:
        labels: Labels of the model.

    Example:
        >>> from data import GENDER
        >>> print(",".join(csv_columns([GENDER])))
        file,face,left,top,right,bottom,detection_score,p_man,label,error
        >>> csv_columns([Label(name="Smiling", classes=("no", "yes"))])[7:]
        ['label', 'probability', 'p_no', 'p_yes', 'error']
    """
    return ["file", "face", *BOX, "detection_score", *label_columns(labels), "error"]


def json_fields(labels: Sequence[Label]) -> list[str]:
    """Return the names of a row's values: those of a CSV, and the quality of the face.

    Args:
        labels: Labels of the model.

    Example:
        >>> from data import GENDER
        >>> json_fields([GENDER])[-4:]
        ['p_man', 'label', 'error', 'quality']
    """
    return [*csv_columns(labels), "quality"]


def written_name(name: str) -> str:
    """Return a file's name as rows have it: one that a spreadsheet would run begins with `./`.

    Args:
        name: Name of the file.

    Example:
        >>> written_name("=1+1.jpg")
        './=1+1.jpg'
    """
    return f"./{name}" if is_formula(name) or name[:1].isspace() else name


def csv_text(rows: Iterable[Row], labels: Sequence[Label], more: Sequence[str] = ()) -> str:
    """Return a whole CSV as `predict` writes it.

    Args:
        rows: Rows that have at least the values of `csv_columns`, and `more`.
        labels: Labels of the model.
        more: Names of further columns, behind the others.

    Example:
        >>> from data import GENDER
        >>> row = dict.fromkeys(csv_columns([GENDER])) | {"file": "a.jpg", "p_man": 0.25}
        >>> print(csv_text([row], [GENDER]))
        file,face,left,top,right,bottom,detection_score,p_man,label,error
        a.jpg,,,,,,,0.250000,,
        <BLANKLINE>
    """
    columns = [*csv_columns(labels), *more]
    return _csv_head(columns) + "".join(_csv_line(columns, row) for row in rows)


def _csv_head(columns: Sequence[str]) -> str:
    return ",".join(map(_quoted, columns)) + "\n"


def _csv_line(columns: Sequence[str], row: Row) -> str:
    return ",".join(_quoted(_csv_cell(name, row[name])) for name in columns) + "\n"


def _csv_cell(column: str, value: str | int | float | None) -> str:
    """Give probabilities six decimals, so that columns line up and small values show no e-7."""
    if column == "file":
        return written_name(str(value))
    if isinstance(value, float) and column.startswith(_PROBABILITIES):
        return f"{value:.6f}"
    if isinstance(value, str):
        return harmless(value)
    return "" if value is None else str(value)


def _quoted(text: str) -> str:
    # csv.writer leaves a lone carriage return bare, at which readers begin a new row
    return text if _QUOTED.isdisjoint(text) else '"' + text.replace('"', '""') + '"'


def _read_csv(columns: Sequence[str], stream: TextIO) -> Iterator[Row]:
    reader = csv.DictReader(stream)
    if reader.fieldnames != columns:
        raise ValueError("other columns")
    for row in reader:
        if row[columns[-1]] is not None:  # else it is cut off, perhaps inside the file's name
            yield {name: row[name] for name in columns}


def _json_line(_columns: Sequence[str], row: Row) -> str:
    return json.dumps(row) + "\n"


def _read_jsonl(columns: Sequence[str], stream: TextIO) -> Iterator[Row]:
    for line in stream:
        if line.endswith("\n"):  # else it is cut off
            row = json.loads(line)
            yield {name: row[name] for name in columns} | {"quality": row.get("quality")}


@dataclass(frozen=True)
class RowFormat:
    """How rows are written, and read back.

    Its methods take the labels of the model and `more`, the columns behind those of the labels.

    Attributes:
        make_head: Function that makes the text before the first row of the columns.
        make_line: Function that makes a line of the columns and a row.
        read_rows: Function that reads rows back, by the columns.

    Example:
        >>> import io
        >>> from data import GENDER
        >>> row = dict.fromkeys(json_fields([GENDER])) | {"file": "a.jpg", "face": 0, "p_man": 0.2}
        >>> stream = io.StringIO()
        >>> JSONL.writer(stream, [GENDER])([row])
        >>> _ = stream.seek(0)
        >>> list(JSONL.read(stream, [GENDER])) == [row]
        True
    """

    make_head: Callable[[Sequence[str]], str]
    make_line: Callable[[Sequence[str], Row], str]
    read_rows: Callable[[Sequence[str], TextIO], Iterator[Row]]

    def head(self, labels: Sequence[Label], more: Sequence[str] = ()) -> str:
        """Return the text before the first row."""
        return self.make_head([*csv_columns(labels), *more])

    def writer(
        self, stream: TextIO, labels: Sequence[Label], more: Sequence[str] = ()
    ) -> WriteRows:
        """Return a function that writes rows to a stream without delay."""
        columns = [*csv_columns(labels), *more]

        def write(rows: Iterable[Row]) -> None:
            stream.writelines(self.make_line(columns, row) for row in rows)
            stream.flush()

        return write

    def read(self, stream: TextIO, labels: Sequence[Label]) -> Iterator[Row]:
        """Yield the rows in a stream.

        Args:
            stream: Text that `writer` wrote, perhaps cut off.
            labels: Labels of the model that wrote it.

        Raises:
            KeyError: A row lacks a value.
            TypeError: A line is no row.
            ValueError: A line is no row, or the columns are others.
            csv.Error: The text is no CSV.
        """
        return self.read_rows(csv_columns(labels), stream)


def _no_head(_columns: Sequence[str]) -> str:
    return ""


CSV = RowFormat(_csv_head, _csv_line, _read_csv)
JSONL = RowFormat(_no_head, _json_line, _read_jsonl)
