"""The rows of `predict` as a table on the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from data import GENDER, Label
from data.labels import UNCERTAIN, column
from data.messages import one_line, printable
from inference.predict.rows import Row, WriteRows

_SHOWN = 200  # rows in a table
_LABELS = 6  # columns of labels in a table
_WIDTH = 24  # characters of a name


@dataclass(frozen=True)
class TableOutput:
    """The first rows in a table on standard output, printed at the end.

    Of one label with two classes there is the second one's probability and the decision, of
    others the decision with its probability, a column a label. Rows of a video begin with the
    time and the track in place of the file and the face.
    """

    is_stdout: ClassVar[bool] = True
    is_file: ClassVar[bool] = False

    @contextmanager
    def open(self, labels: Sequence[Label], video: bool = False) -> Iterator[WriteRows]:
        """Yield the function that takes rows; the table is printed when the block ends.

        Args:
            labels: Labels of the model.
            video: Whether the rows are of frames.
        """
        table, left_out = _table(labels, ("seconds", "track") if video else ("file", "face")), 0

        def write(rows: Iterable[Row]) -> None:
            nonlocal left_out
            for row in rows:
                if table.row_count < _SHOWN:
                    table.add_row(*map(_text, _cells(row, labels)))
                else:
                    left_out += 1

        yield write
        if left_out:
            table.caption = f"{left_out} more rows: write them with --csv or --jsonl"
        Console().print(table)
        if len(labels) > _LABELS:
            Console().print(f"{len(labels) - _LABELS} more labels: --csv or --jsonl has them")


def _table(labels: Sequence[Label], heads: tuple[str, str]) -> Table:
    table = Table()
    table.add_column(heads[0], overflow="fold", min_width=16)
    table.add_column(heads[1], no_wrap=True)
    table.add_column("box", no_wrap=True)
    if _has_one_number(labels):
        table.add_column(_text(f"P({_name(labels[0].classes[1])})"), no_wrap=True)
        table.add_column("label" if labels[0] == GENDER else _text(_name(labels[0].name)))
        return table
    for label in labels[:_LABELS]:
        table.add_column(_text(_name(label.name)))
    return table


def _has_one_number(labels: Sequence[Label]) -> bool:
    return len(labels) == 1 and labels[0].is_binary


def _cells(row: Row, labels: Sequence[Label]) -> list[str]:
    if row["error"]:
        return [str(row["file"]), "", "", *_error_cells(str(row["error"]), labels)]
    box = "{left},{top} {right},{bottom}".format_map(row)
    where, which = str(row["file"]), str(row["face"])
    if "track" in row:
        where, which = f"{row['seconds']:.2f}", str(row["track"])
    return [where, which, box, *_label_cells(row, labels)]


def _error_cells(error: str, labels: Sequence[Label]) -> list[str]:
    return ["", error] if _has_one_number(labels) else [error]


def _label_cells(row: Row, labels: Sequence[Label]) -> list[str]:
    if not _has_one_number(labels):
        return [_decision(row, label, labels) for label in labels[:_LABELS]]
    [label] = labels
    return [f"{row[f'p_{label.classes[1]}']:.1%}", _name(str(row["label"]))]


def _decision(row: Row, label: Label, labels: Sequence[Label]) -> str:
    decision = str(row[column("label", label, labels)])
    if decision == UNCERTAIN:
        return decision
    return f"{_name(decision)} {row[column('probability', label, labels)]:.0%}"


def _name(name: str) -> str:
    return one_line(name, _WIDTH)


def _text(cell: str) -> Text:
    """Return text in which no markup is obeyed."""
    return Text(printable(cell))
