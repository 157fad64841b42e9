"""The rows of `predict`, one a face: what they have, and how they are written and read back."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

HEADER = "file,face,left,top,right,bottom,detection_score,p_man,label,error"
FIELDS = HEADER.split(",")
JSON_FIELDS = [*FIELDS, "quality"]
"""Names of a row's values; the CSV's columns are as scripts know them."""

NO_FACE = "no face found"
Row = dict[str, str | int | float | None]
"""A row by `JSON_FIELDS`; as read back from a CSV, all values are text."""

WriteRows = Callable[[Iterable[Row]], None]

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # ASCII and full width
_QUOTED = frozenset(',;"\t\r\n')  # `;` and tab: what spreadsheets split at elsewhere


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

    Example:
        >>> import io
        >>> row = dict.fromkeys(JSON_FIELDS) | {"file": "a.jpg", "face": 0, "p_man": 0.25}
        >>> stream = io.StringIO()
        >>> JSONL.writer(stream)([row])
        >>> _ = stream.seek(0)
        >>> list(JSONL.read(stream)) == [row]
        True
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
