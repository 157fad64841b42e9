"""The rows of `predict` as a table on the terminal."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.messages import printable
from inference.predict.rows import Row, WriteRows

_SHOWN = 200  # rows in a table


@dataclass(frozen=True)
class TableOutput:
    """The first rows in a table on standard output, printed at the end."""

    is_stdout: ClassVar[bool] = True
    is_file: ClassVar[bool] = False

    @contextmanager
    def open(self) -> Iterator[WriteRows]:
        """Yield the function that takes rows; the table is printed when the block ends."""
        table = Table()
        table.add_column("file", overflow="fold", min_width=16)
        for name in ("face", "box", "P(man)"):
            table.add_column(name, no_wrap=True)
        table.add_column("label")
        left_out = 0

        def write(rows: Iterable[Row]) -> None:
            nonlocal left_out
            for row in rows:
                if table.row_count < _SHOWN:
                    table.add_row(*map(Text, map(printable, _cells(row))))
                else:
                    left_out += 1

        yield write
        if left_out:
            table.caption = f"{left_out} more rows: write them with --csv or --jsonl"
        Console().print(table)


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
