"""What a person sees while a run works: one line an event, a live bar below on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bars
from rich.table import Table

from data.progress import live_bars, milestones
from tuning.runs.schema import (
    Epoch,
    Hyperparameters,
    RunMetrics,
    TrialRecord,
    TrialResult,
    WinnerFacts,
)
from tuning.training.early_stopping import OnEpoch


class Progress:
    """Prints a run's events to standard output.

    Args:
        console: where to; by default the terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._started = time.monotonic()
        self._backbones: list[str] = []
        self._done = 0
        self._trials = 0
        self._expected = [0.0]
        self._bars: Bars | None = None
        self._time_left: Callable[[], float | None] = lambda: None

    def expect(self, backbones: list[str], time_left: Callable[[], float | None]) -> None:
        """Take in the backbones to come, in order, and what gives the budget's seconds left."""
        self._backbones = backbones
        self._time_left = time_left

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line, as it is: names in it may hold brackets."""
        self.console.print(text, style=style, soft_wrap=True, markup=False)

    @contextmanager
    def backbone(self, name: str, title: str) -> Iterator[None]:
        """While one backbone's search runs."""
        self._done, self._trials, self._expected = self._backbones.index(name), 0, [0.0]
        self.say(f"\n{title} ({self._done + 1} of {len(self._backbones)})", style="bold")
        with self._live():
            yield

    def planned(self, depths: Sequence[int], seconds: list[float]) -> None:
        """The study's plan is made: depths of its trials, and what they and the refit may take."""
        self._expected = seconds
        counts = ", ".join(f"{depths.count(d)} at depth {d}" for d in sorted(set(depths)))
        self.say(f"  plan: {len(depths)} trials ({counts}), then a refit")

    def trial_done(self, record: TrialRecord, best: TrialResult | None) -> None:
        """A trial ended."""
        self._trials += 1
        title = f"  trial {record.trial}  {describe(record.hyperparameters)}"
        if record.result is None:
            self.say(f"{title}  failed: {record.note}", style="red")
            return
        best_so_far = f"best {best.val_brier:.4f}" if best else ""
        self.say(f"{title}  {figures(record.result)}  {best_so_far}{self._left()}")

    def trials_left_out(self, count: int, planned: int) -> None:
        """The time was too short for the last trials of the plan."""
        self.say(f"  left out, so that time remains for the refit: {count} of {planned} trials")

    def refit_done(self, result: TrialResult, best: TrialResult) -> None:
        """The winner was trained again, longer."""
        kept = "kept" if result.val_brier < best.val_brier else "the trial's weights are kept"
        self.say(f"  refit     {describe(result.hyperparameters)}  {figures(result)}  {kept}")

    def steps(self, what: str) -> Callable[[int, int], None]:
        """A bar for a long pass over images, or lines where there is none.

        Call the result with done and total.
        """
        task = None
        report = milestones(f"  {what}", self.say)
        started = time.monotonic()

        def update(done: int, total: int) -> None:
            nonlocal task
            if self._bars and task is None:
                task = self._bars.add_task(f"  {what}", total=total)
            if self._bars and task is not None:
                self._bars.update(task, completed=done, visible=done < total)
            else:
                report(done, total)
            if done >= total:
                seconds = time.monotonic() - started
                self.say(f"  {what}: {total:,} in {seconds:.0f} s")

        return update

    def epochs(self, name: str, hyperparameters: Hyperparameters) -> OnEpoch:
        """A bar for the epochs of one training."""
        bars = self._bars
        task = bars.add_task(f"  {name} {describe(hyperparameters)}", total=None) if bars else None

        def update(epoch: Epoch, total: int) -> None:
            if bars and task is not None:
                done = epoch.epoch
                bars.update(task, completed=done, total=total, visible=done < total)

        return update

    @contextmanager
    def bar(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar outside the backbones' searches."""
        with self._live():
            yield self.steps(what)

    def winner(self, facts: WinnerFacts) -> None:
        """A backbone is done."""
        self.say(f"  winner on test images: {_accuracy(facts)}")

    def summary(self, metrics: RunMetrics, report: Path) -> None:
        """The run is done."""
        table = Table("backbone", "depth", "test accuracy", "balanced", "AUC", "calibration error")
        for facts in metrics.winners.values():
            test = facts.test
            table.add_row(
                facts.backbone,
                str(facts.hyperparameters.depth),
                _accuracy(facts),
                f"{100 * test.balanced_accuracy:.2f} %",
                f"{test.auc:.4f}",
                f"{test.uncalibrated.calibration_error:.3f} -> {test.calibration_error:.3f}",
            )
        self.say("")
        self.console.print(table)
        for notice in metrics.notices:
            self.say(notice)
        took = f" after {metrics.seconds / 60:.1f} min" if metrics.seconds else ""
        self.say(f"Done{took}. Report: {report}")

    @contextmanager
    def _live(self) -> Iterator[None]:
        if not self.console.is_terminal:
            yield
            return
        with live_bars(self.console) as self._bars:
            yield
        self._bars = None

    def _left(self) -> str:
        """By this study's plan, as much again for each backbone to come, within the budget."""
        later = len(self._backbones) - self._done - 1
        planned = sum(self._expected[self._trials :]) + later * sum(self._expected)
        budget = self._time_left()
        minutes = (planned if budget is None else min(planned, budget)) / 60
        return f"  about {minutes:.0f} min left" if minutes >= 1 else "  under a minute left"


def _accuracy(facts: WinnerFacts) -> str:
    low, high = facts.test.accuracy_interval
    return f"{100 * facts.test.accuracy:.2f} % ({100 * low:.1f} to {100 * high:.1f})"


def describe(hp: Hyperparameters) -> str:
    """Hyperparameters in a few words."""
    return (
        f"depth {hp.depth}  rate {hp.learning_rate:.1e}  head {hp.head_units:3d}  "
        f"dropout {hp.dropout:.1f}"
    )


def figures(result: TrialResult) -> str:
    """A result in a few words."""
    return (
        f"accuracy {100 * result.val_accuracy:5.2f} %  Brier {result.val_brier:.4f}  "
        f"{result.seconds:5.1f} s"
    )
