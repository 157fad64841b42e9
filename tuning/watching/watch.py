"""The loop of `watch`: a live view on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from tuning.runs.run_folder import RunError, RunFolder
from tuning.watching.lines import Lines
from tuning.watching.snapshot import RunReader, Snapshot
from tuning.watching.view import View

_SECONDS = 1.0  # between two looks


def watch(run: RunFolder, console: Console | None = None) -> Snapshot:
    """Show a run until it ends: all of it at once where it has ended already.

    Args:
        run: Folder of the run, which may be written by another machine.
        console: Where to show it; None for standard output.

    Returns:
        The last state seen.
    """
    console = console or Console(highlight=False)
    reader = RunReader(run)
    if console.is_terminal:
        return _show(reader, console)
    return _print_lines(reader, console)


def newest_run(runs: Path) -> RunFolder:
    """Return the run on which somebody has worked last.

    Args:
        runs: Folder of all runs.

    Raises:
        RunError: There is no run.

    Example:
        >>> newest_run(Path("no/runs"))
        Traceback (most recent call last):
            ...
        tuning.runs.run_folder.RunError: no run in no/runs: `make tune` starts one
    """
    files = [path for name in ("config.json", "status.json") for path in runs.glob(f"*/{name}")]
    if not files:
        raise RunError(f"no run in {runs}: `make tune` starts one")
    return RunFolder(max(files, key=lambda path: path.stat().st_mtime).parent)


def _show(reader: RunReader, console: Console) -> Snapshot:
    """Show the live view on the terminal's other screen, and leave its last state behind."""
    snapshot = reader.read()
    if snapshot.state == "running":
        with Live(View(snapshot), console=console, screen=True, auto_refresh=False) as live:
            while snapshot.state == "running":
                live.update(View(snapshot), refresh=True)
                time.sleep(_SECONDS)
                snapshot = reader.read()
    console.print(View(snapshot, whole=True))
    return snapshot


def _print_lines(reader: RunReader, console: Console) -> Snapshot:
    lines = Lines()
    while True:
        snapshot = reader.read()
        for line in lines.since(snapshot):
            print(line, file=console.file, flush=True)
        if snapshot.state != "running":
            return snapshot
        time.sleep(_SECONDS)
