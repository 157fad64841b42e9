"""What has happened in a run since the last look, as lines for a log or a pipe."""

from __future__ import annotations

from collections.abc import Iterator

from data.messages import printable
from tuning.progress import describe, figures
from tuning.runs.schema import TrialRecord
from tuning.watching.snapshot import Snapshot, WatchedSearch
from tuning.watching.view import duration, upcoming


class Lines:
    """Turns snapshots into lines; what was said is not said again.

    Example:
        >>> lines = Lines()
        >>> nothing = Snapshot("faces", "unfinished", None, None, (), None)
        >>> [list(lines.since(nothing)) for _ in range(2)]
        [['run faces: unfinished'], []]
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def since(self, snapshot: Snapshot) -> Iterator[str]:
        """Return the lines of what is new, without control characters.

        Args:
            snapshot: State of the run.
        """
        for search in snapshot.searches:
            yield from self._new(_of_search(search))
        yield from self._new(_of_now(snapshot))
        yield from self._new(_of_end(snapshot))

    def _new(self, lines: Iterator[str]) -> Iterator[str]:
        for line in map(printable, lines):
            if line not in self._said:
                self._said.add(line)
                yield line


def _of_search(search: WatchedSearch) -> Iterator[str]:
    for record in search.trials:
        if record.result or record.ended:
            yield f"{search.backbone}: trial {record.trial}  {_outcome(record)}"
    if search.winner:
        winner = search.winner
        yield (
            f"{search.backbone}: winner of trial {winner.trial}, "
            f"test accuracy {100 * winner.test_accuracy:.2f} %"
        )


def _outcome(record: TrialRecord) -> str:
    what = describe(record.hyperparameters)
    if record.result is None:
        return f"{what}  failed: {record.ended}"
    return f"{what}  {figures(record.result)}  {record.ended}".rstrip()


def _of_now(snapshot: Snapshot) -> Iterator[str]:
    for activity in snapshot.now:
        name = f"{activity.backbone}: " if activity.backbone else ""
        yield f"{name}now {' '.join(activity.title.split())}"


def _of_end(snapshot: Snapshot) -> Iterator[str]:
    status, state = snapshot.status, snapshot.state
    if state == "running":
        yield f"run {snapshot.name}: running"
        return
    reason = f": {status.message}" if status and status.message else ""
    used = f" after {duration(status.spent)}" if status else ""
    yield f"run {snapshot.name}: {state}{used}{reason}"
    following = upcoming(snapshot)
    if following:
        yield f"left to do: {following}"
    if snapshot.report:
        yield f"report: {snapshot.report}"
