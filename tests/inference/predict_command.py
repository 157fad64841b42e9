"""The `predict` command as tests run it, in this process or another."""

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from inference.__main__ import app
from inference.predict.rows import BOX

ROOT = Path(__file__).parents[2]

Draw = Callable[..., Path]
"""The fixture `draw`."""

Aligned = Callable[..., Result]
"""The fixture `aligned`: `predict` for pictures that are one face each."""


def predict(*arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def command(models: Path, *arguments: object) -> list[str]:
    """The command line of `predict --aligned` for a process of its own."""
    options = ["--aligned", "--models", models]
    return [sys.executable, "-m", "inference", "predict", *map(str, [*arguments, *options])]


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def rows_of_output(output: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of each file in a printed CSV, boxes and p_man as numbers."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in csv.DictReader(io.StringIO(output)):
        numbers = {name: int(row[name]) for name in BOX} | {"p_man": float(row["p_man"])}
        rows.setdefault(Path(row["file"]).name, []).append(row | numbers)
    return rows


def contents(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(result: Result, message: str) -> None:
    """One line and status 2."""
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
