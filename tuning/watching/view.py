"""A snapshot as tables on a terminal; names in it are shown as they are, never as markup."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from data.messages import one_line, printable
from tuning.runs.schema import Leg, TrialRecord
from tuning.runs.status import Activity
from tuning.watching.snapshot import Snapshot, WatchedSearch
from tuning.watching.sparkline import sparkline

_STYLES = {
    "running": "bold green", "finished": "bold cyan", "failed": "bold red",
    "interrupted": "bold yellow", "stopped": "bold red", "unfinished": "bold yellow",
}  # fmt: skip
_HINTS = {
    "interrupted": "interrupted by Ctrl-C: the same `make tune` goes on",
    "stopped": "nobody works on it any more, as after a kill: the same `make tune` goes on",
    "unfinished": "nobody is known to work on it: the same `make tune` goes on",
}
_PLAIN: dict[str, Any] = {"box": None, "padding": (0, 2, 0, 0)}
_BAR, _CURVE, _SHORT_CURVE, _LEAST_ROWS = 24, 16, 8, 3
_REASON = 60  # letters of a failure's
_WIDE = 130  # columns of a terminal, from which all of a trial has room


class View:
    """What `watch` shows of a snapshot, as high as the terminal.

    Args:
        snapshot: State of the run.
        whole: Whether all trials are shown, whatever the terminal's height.

    Example:
        >>> import sys
        >>> from tuning.watching.snapshot import Snapshot
        >>> nothing = Snapshot("faces", "unfinished", None, None, (), None)
        >>> Console(file=sys.stdout, width=80).print(View(nothing))
        ╭─ Run faces ──...
    """

    def __init__(self, snapshot: Snapshot, whole: bool = False) -> None:
        self._snapshot, self._whole = snapshot, whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay the tables out for the console's width and height."""
        blocks = not options.ascii_only
        parts: list[Panel | Table] = [_header(self._snapshot), _searches(self._snapshot)]
        if self._snapshot.now:
            parts.append(_now(self._snapshot.now))
        used = sum(len(console.render_lines(part, options)) for part in parts)
        rows = self._snapshot.leaderboard()
        room = max(_LEAST_ROWS, options.size.height - used - len(parts) - 4)
        shown = rows if self._whole else rows[:room]
        if rows:
            parts.append(_leaderboard(shown, len(rows), options.max_width >= _WIDE, blocks))
        yield Group(*(Padding(part, (0, 0, 1, 1)) for part in parts))


def duration(seconds: float) -> str:
    """A time as a clock shows it.

    Args:
        seconds: The time.

    Example:
        >>> duration(75), duration(7384)
        ('1:15', '2:03:04')
    """
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def upcoming(snapshot: Snapshot) -> str:
    """Say what comes after what is being done, "" where nothing does.

    Args:
        snapshot: State of the run.
    """
    return " → ".join(_upcoming(snapshot))


def _upcoming(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.state == "finished" or not snapshot.config:
        return
    lacking = [search.backbone for search in snapshot.searches if not search.winner]
    if lacking:
        yield f"first winner of {', '.join(lacking)}"
    frozen = [search.backbone for search in snapshot.searches if not search.is_fine_tuned]
    yield f"fine-tuning of {', '.join(frozen)}" if frozen else "more of what brings most"
    yield "report"


def _header(snapshot: Snapshot) -> Panel:
    lines = Table.grid(padding=(0, 2))
    lines.add_row("state", Text(snapshot.state, style=_STYLES[snapshot.state]))
    if reason := _reason(snapshot):
        lines.add_row("", _text(reason))
    if snapshot.config:
        lines.add_row("data", _text(_data(snapshot)))
    if snapshot.status:
        lines.add_row("time", _time(snapshot))
    if following := upcoming(snapshot):
        lines.add_row("next", _text(following))
    if snapshot.report:
        lines.add_row("report", _text(str(snapshot.report)))
    return Panel(lines, title=_text(f"Run {snapshot.name}"), title_align="left")


def _reason(snapshot: Snapshot) -> str:
    failed = snapshot.status.message if snapshot.status and snapshot.state == "failed" else ""
    return failed or _HINTS.get(snapshot.state, "")


def _data(snapshot: Snapshot) -> str:
    config = snapshot.config
    assert config is not None
    labels = ", ".join(label.name for label in config.labels)
    count = sum(split.count for split in config.images.splits.values())
    settings = config.settings
    return (
        f"{config.data.name}, {count:,} images, {labels}; preset {settings.preset}, "
        f"{settings.size} px"
    )


def _time(snapshot: Snapshot) -> Table:
    """Time used and left; of a driver that works the time since its last word is added."""
    status = snapshot.status
    assert status is not None
    more = max(0.0, time.time() - status.updated) if snapshot.state == "running" else 0.0
    more = min(more, 60.0)  # clocks of machines differ
    row = Table.grid(padding=(0, 1))
    spent = f"{duration(status.spent + more)} used"
    if status.left is None or snapshot.state == "finished":
        row.add_row(spent)
        return row
    left = max(0.0, status.left - more)
    total = status.spent + status.left
    bar = ProgressBar(total=total or 1, completed=status.spent + more, width=_BAR)
    row.add_row(spent, bar, f"at most {duration(left)} left")
    return row


def _searches(snapshot: Snapshot) -> Table:
    """What each backbone has come to: a stop now leaves its winner."""
    table = Table("backbone", "trials", "images", "best trial", "winner, test images", **_PLAIN)
    for search in snapshot.searches:
        best, winner, images = search.best, search.winner, search.images
        accuracy = 100 * best.result.val_accuracy if best and best.result else 0.0
        table.add_row(
            _text(search.backbone),
            _text(_state_of(search)),
            f"{images.train:,}" if images else "",
            _text(f"{best.trial}: {accuracy:.2f} %" if best else ""),
            _text(f"{winner.trial}: {100 * winner.test_accuracy:.2f} %" if winner else ""),
        )
    return table


def _state_of(search: WatchedSearch) -> str:
    if not search.trials:
        return "first passes" if search.is_begun else "waits"
    failed = sum(trial.status == "failed" for trial in search.trials)
    working = [trial for trial in search.trials if trial.status != "failed"]
    tuned = sum(bool(trial.hyperparameters.depth) for trial in working)
    heads = len(working) - tuned
    parts = [
        f"{heads} head{'s' * (heads != 1)}",
        f"{tuned} fine-tuned" if tuned else "",
        f"{failed} failed" if failed else "",
    ]
    return ", ".join(filter(None, parts))


def _now(activities: tuple[Activity, ...]) -> Table:
    table = Table("now", "", "done", "for", **_PLAIN)
    for activity in activities:
        name = f"{activity.backbone}: " if activity.backbone else ""
        total = activity.total
        table.add_row(
            _text(name + " ".join(activity.title.split())),
            ProgressBar(total=total, completed=activity.done, width=_BAR // 2) if total else "",
            f"{activity.done:,} of {total:,}" if total else "",
            duration(time.time() - activity.started),
        )
    return table


def _leaderboard(
    rows: list[tuple[str, TrialRecord]], count: int, is_wide: bool, blocks: bool
) -> Table:
    title = "trials, best first" if len(rows) == count else f"best {len(rows)} of {count} trials"
    table = Table(title=title, title_justify="left", **_PLAIN)
    for name in ("backbone", "trial", "stages", "depth", "grid"):
        table.add_column(name)
    for name in _columns(("learning rate", "head", "dropout"), is_wide):
        table.add_column(name, justify="right")
    for name in ("score", "accuracy", *_columns(("AUC", "seconds"), is_wide)):
        table.add_column(name, justify="right")
    table.add_column("accuracy by leg" if is_wide else "by leg", no_wrap=True)
    table.add_column("state")
    for backbone, record in rows:
        hp = record.hyperparameters
        wide = (f"{hp.learning_rate:.1e}", str(hp.head_units), f"{hp.dropout:.1f}")
        chosen = (str(hp.stages), str(hp.depth), str(hp.grid), *_columns(wide, is_wide))
        figures = _figures(record, is_wide, blocks)
        table.add_row(_text(backbone), _text(record.trial), *chosen, *figures)
    return table


def _columns(more: tuple[str, ...], is_wide: bool) -> tuple[str, ...]:
    return more if is_wide else ()


def _figures(record: TrialRecord, is_wide: bool, blocks: bool) -> tuple[Text | str, ...]:
    result, wide = record.result, _columns(("", ""), is_wide)
    if result is None:
        failed = record.status == "failed"
        why = one_line(f"failed: {record.ended}", _REASON)
        state = _text(why, "red") if failed else "begun"
        return ("", "", *wide, "", state)
    return (
        f"{result.score:.4f}",
        f"{100 * result.val_accuracy:.2f} %",
        *_columns((f"{result.val_auc:.4f}", f"{result.seconds:.1f}"), is_wide),
        _curve(result.history, _CURVE if is_wide else _SHORT_CURVE, blocks),
        _text(record.ended or "goes on"),
    )


def _curve(history: Sequence[Leg], width: int, blocks: bool) -> str:
    return sparkline([leg.val_accuracy for leg in history], width, blocks)


def _text(content: str, style: str = "") -> Text:
    return Text(printable(content), style=style, overflow="ellipsis")
