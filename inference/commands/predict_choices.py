"""What a user asks of `predict`, and which options go together."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.cli import UsageError, failing_on
from inference.live.video import Every
from inference.predict.outputs import Output
from inference.predict.row_table import TableOutput
from inference.predict.rows import CSV, JSONL


@dataclass(frozen=True, kw_only=True)
class PredictChoices:
    """The options of `predict` by their names, which its help explains, and where the rows go.

    Raises:
        UsageError: Two of them do not go together.
    """

    paths: list[Path]
    outputs: list[Output | TableOutput]
    annotate: Path | None
    explain: bool
    explain_label: str | None
    resume: bool
    force: bool
    models: str
    backbone: str | None
    precision: Literal["int8", "fp32"] | None
    aligned: bool
    max_faces: int
    small_faces: bool
    threads: int | None
    camera: int | None
    every: Every

    def __post_init__(self) -> None:
        if self.aligned and self.small_faces:
            raise UsageError(
                "--small-faces searches for faces, which --aligned skips: give one of them"
            )
        if self.resume and not all(output.is_file for output in self.outputs):
            raise UsageError(
                "--resume goes on with a file: give --csv OUT or --jsonl OUT, and no --table"
            )
        if self.resume and self.force:
            raise UsageError("--resume goes on and --force starts anew: give one of them")
        if self.explain_label and not self.explain:
            raise UsageError("--explain-label says what --explain shows: give both")
        if self.explain and not self.annotate:
            raise UsageError("--explain draws into marked copies: give --annotate DIR as well")
        if not self.paths and self.camera is None:
            raise UsageError(
                "Missing argument 'PATH...': give images, folders or videos, or --camera"
            )


def outputs_of(csv: Path | None, jsonl: Path | None, table: bool) -> list[Output | TableOutput]:
    """Return where the rows go, at least one.

    Args:
        csv: CSV to write.
        jsonl: JSON lines to write.
        table: Whether to print a table.

    Raises:
        UsageError: Several of them are standard output.
    """
    files = [(CSV, csv), (JSONL, jsonl)]
    outputs: list[Output | TableOutput] = [Output(form, to) for form, to in files if to]
    if table or (not outputs and sys.stdout.isatty()):
        outputs.append(TableOutput())
    if sum(output.is_stdout for output in outputs) > 1:
        raise UsageError("only one of --csv, --jsonl and --table can go to standard output")
    return outputs or [Output(CSV)]


def every_of(text: str) -> Every:
    """Return which frames are looked at.

    Args:
        text: Value of `--every`.

    Raises:
        UsageError: It is neither a number of frames nor of seconds.
    """
    with failing_on(ValueError, error=UsageError):
        return Every.parse(text)
