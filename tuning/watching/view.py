"""A snapshot as tables on a terminal; names in it are shown as they are, never as markup."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from data.messages import printable
from tuning.runs.schema import Epoch, TrialRecord
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
_BAR, _CURVE, _LEAST_ROWS = 24, 16, 3
_WIDE = 108  # columns of a terminal, from which learning rate, head and dropout have room


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
            parts.append(_now(self._snapshot.now, blocks))
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
    if snapshot.state == "finished":
        return
    waiting = []
    for search in snapshot.searches:
        running = sum(_is_training(activity, search) for activity in snapshot.now)
        step = search.next_step(running)
        if step:
            yield f"{search.backbone}: {step}"
        elif not search.winner:
            waiting.append(search.backbone)
    if waiting:
        yield ", ".join(waiting)
    if snapshot.config:
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
    table = Table("backbone", "state", "best Brier", "accuracy", "test accuracy", **_PLAIN)
    for search in snapshot.searches:
        results = [trial.result for trial in search.trials if trial.result]
        best = min(results, key=lambda result: result.val_brier, default=None)
        winner = search.winner
        table.add_row(
            _text(search.backbone),
            _text(_state_of(search)),
            f"{best.val_brier:.4f}" if best else "",
            f"{100 * best.val_accuracy:.2f} %" if best else "",
            f"{100 * winner.test_accuracy:.2f} %" if winner else "",
        )
    return table


def _state_of(search: WatchedSearch) -> str:
    if search.winner:
        return "done"
    if not search.is_begun:
        return "waits"
    if search.has_refit:
        return "evaluation"
    if not search.plan and not search.trials:
        return "timing and passes"
    planned = f" of {len(search.plan.depths)}" if search.plan else ""
    failed = sum(trial.result is None for trial in search.trials)
    return f"{len(search.trials)}{planned} trials" + (f", {failed} failed" if failed else "")


def _is_training(activity: Activity, search: WatchedSearch) -> bool:
    return activity.backbone == search.backbone and activity.title.startswith(("trial", "refit"))


def _now(activities: tuple[Activity, ...], blocks: bool) -> Table:
    table = Table("now", "", "done", "for", "accuracy", **_PLAIN)
    for activity in activities:
        name = f"{activity.backbone}: " if activity.backbone else ""
        total = activity.total
        table.add_row(
            _text(name + " ".join(activity.title.split())),
            ProgressBar(total=total, completed=activity.done, width=_BAR // 2) if total else "",
            f"{activity.done:,} of {total:,}" if total else "",
            duration(time.time() - activity.started),
            _curve(activity.epochs, blocks),
        )
    return table


def _leaderboard(
    rows: list[tuple[str, TrialRecord]], count: int, is_wide: bool, blocks: bool
) -> Table:
    title = "trials, best first" if len(rows) == count else f"best {len(rows)} of {count} trials"
    table = Table(title=title, title_justify="left", **_PLAIN)
    for name in ("backbone", "trial", "depth"):
        table.add_column(name)
    for name in ("learning rate", "head", "dropout") if is_wide else ():
        table.add_column(name, justify="right")
    for name in ("Brier", "accuracy", "AUC", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("accuracy by epoch", no_wrap=True)
    for backbone, record in rows:
        hp = record.hyperparameters
        wide = (f"{hp.learning_rate:.1e}", str(hp.head_units), f"{hp.dropout:.1f}")
        chosen = (str(hp.depth), *(wide if is_wide else ()))
        table.add_row(_text(backbone), _text(record.trial), *chosen, *_figures(record, blocks))
    return table


def _figures(record: TrialRecord, blocks: bool) -> tuple[Text | str, ...]:
    result = record.result
    if result is None:
        return ("", "", "", "", _text(f"failed: {record.note}", "red"))
    return (
        f"{result.val_brier:.4f}",
        f"{100 * result.val_accuracy:.2f} %",
        f"{result.val_auc:.4f}",
        f"{result.seconds:.1f}",
        _curve(result.history, blocks),
    )


def _curve(epochs: tuple[Epoch, ...], blocks: bool) -> str:
    return sparkline([epoch.val_accuracy for epoch in epochs], _CURVE, blocks)


def _text(content: str, style: str = "") -> Text:
    return Text(printable(content), style=style, overflow="ellipsis")
