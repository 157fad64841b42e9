"""What a person sees while a run works: one line an event, a live bar below on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tuning.bars import Bars
from tuning.metrics import promise
from tuning.runs.schema import (
    Hyperparameters,
    RunMetrics,
    Scores,
    TrialRecord,
    TrialResult,
    WinnerFacts,
)

_TITLE = 9  # letters of the longest name


class Progress(Bars):
    """Prints a run's events, and shows how far its passes and trainings are.

    Args:
        console: Where to print; None for standard output.
        prefix: What every line begins with.
        within: Progress of the run, where this is that of one backbone.

    Example:
        >>> import sys
        >>> progress = Progress(Console(file=sys.stdout, width=80))
        >>> progress.expect(["vgg16"], lambda: None)
        >>> with progress.backbone("VGG16") as of_vgg16:
        ...     of_vgg16.planned([0, 0, 1], seconds=[1.0, 1.0, 9.0, 20.0, 5.0])
        <BLANKLINE>
        VGG16 (1 of 1)
          plan: 3 trials (2 at depth 0, 1 at depth 1), then a refit
    """

    def __init__(
        self, console: Console | None = None, prefix: str = "", within: Progress | None = None
    ) -> None:
        super().__init__(console, prefix, within)
        self._backbones: list[str] = []
        self._begun = self._later = 0
        self._trials = 0
        self._expected = [0.0]
        self._time_left: Callable[[], float | None] = lambda: None

    def expect(self, backbones: list[str], time_left: Callable[[], float | None]) -> None:
        """Take note of what is to come, for the estimates of the time left.

        Args:
            backbones: Names of the backbones to search, in order.
            time_left: Returns the seconds left of the run's budget, None for no limit.
        """
        self._backbones = backbones
        self._time_left = time_left

    @contextmanager
    def backbone(
        self, title: str, later: int = 0, side_by_side: bool = False, name: str | None = None
    ) -> Iterator[Progress]:
        """Announce a backbone, and show bars while the block searches it.

        Args:
            title: Its name in papers.
            later: Number of backbones that come after it in its place.
            side_by_side: Whether others are searched at the same time; lines then say whose they
                are, and whoever searches them shows the bars.
            name: Its name in the registry, None where that is the same.

        Yields:
            What is shown of its search.
        """
        self._begun += 1
        count = f"({self._begun} of {len(self._backbones)})"
        of_it = Progress(prefix=f"{title:<{_TITLE}}" if side_by_side else "", within=self)
        of_it._later, of_it._time_left = later, self._time_left
        of_it._backbone = name or title
        try:
            if side_by_side:
                of_it.say(f"  begins {count}")
                yield of_it
                return
            self.say(f"\n{title} {count}", style="bold")
            with self.live():
                yield of_it
        finally:
            self.activities.end_all(name or title)

    def planned(self, depths: Sequence[int], seconds: list[float]) -> None:
        """Print the plan of a study.

        Args:
            depths: Fine-tuning depth of each trial.
            seconds: Expected time of each trial, of the refit and of the evaluation.
        """
        self._expected = seconds
        counts = ", ".join(f"{depths.count(d)} at depth {d}" for d in sorted(set(depths)))
        self.say(f"  plan: {len(depths)} trials ({counts}), then a refit")

    def trial_done(self, record: TrialRecord, best: TrialResult | None) -> None:
        """Print a trial that ended.

        Args:
            record: Record of the trial.
            best: Best result so far, None without any.
        """
        self._trials += 1
        title = f"  trial {record.trial}  {describe(record.hyperparameters)}"
        if record.result is None:
            self.say(f"{title}  failed: {record.note}", style="red")
            return
        best_so_far = f"best {best.val_brier:.4f}" if best else ""
        self.say(f"{title}  {figures(record.result)}  {best_so_far}{self._left()}")

    def trials_left_out(self, count: int, planned: int) -> None:
        """Print that the time was too short for the last trials of the plan.

        Args:
            count: Number of trials left out.
            planned: Number of trials planned.
        """
        self.say(f"  left out, so that time remains for the refit: {count} of {planned} trials")

    def refit_done(self, result: TrialResult, best: TrialResult) -> None:
        """Print the refit.

        Args:
            result: What the refit reached.
            best: What the best trial had reached.
        """
        kept = "kept" if result.val_brier < best.val_brier else "the trial's weights are kept"
        self.say(f"  refit     {describe(result.hyperparameters)}  {figures(result)}  {kept}")

    def winner(self, facts: WinnerFacts) -> None:
        """Print the winner of a backbone's search.

        Args:
            facts: What is known about it.
        """
        for of_label in facts.labels:
            name = f"{of_label.label.name} " if len(facts.labels) > 1 else ""
            point, images = of_label.operating_point, of_label.val.count
            self.say(f"  winner on test images: {name}{_accuracy(of_label.test)}")
            self.say(f"  {name}{promise(point.target_accuracy, point.share_uncertain, images)}")

    def summary(self, metrics: RunMetrics, report: Path) -> None:
        """Print the table of winners when the run is done.

        Args:
            metrics: What the run reached.
            report: Path of its report.
        """
        several = any(len(facts.labels) > 1 for facts in metrics.winners.values())
        label = ["label"] if several else []
        table = Table(
            "backbone", "depth", *label, "test accuracy", "balanced", "AUC", "calibration error"
        )
        for facts in metrics.winners.values():
            for of_label in facts.labels:
                test = of_label.test
                table.add_row(
                    facts.backbone,
                    str(facts.hyperparameters.depth),
                    *([of_label.label.name] if several else []),
                    _accuracy(test),
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

    def _left(self) -> str:
        """By this study's plan, as much again for each backbone to come, within the budget."""
        planned = sum(self._expected[self._trials :]) + self._later * sum(self._expected)
        budget = self._time_left()
        minutes = (planned if budget is None else min(planned, budget)) / 60
        return f"  about {minutes:.0f} min left" if minutes >= 1 else "  under a minute left"


def describe(hp: Hyperparameters) -> str:
    """Describe hyperparameters in a few words, aligned in a column.

    Args:
        hp: Hyperparameters of a training.

    Example:
        >>> chosen = Hyperparameters(depth=1, learning_rate=2e-4, head_units=64, dropout=0.3)
        >>> describe(chosen)
        'depth 1  learning rate 2.0e-04  head  64  dropout 0.3'
    """
    return (
        f"depth {hp.depth}  learning rate {hp.learning_rate:.1e}  head {hp.head_units:3d}  "
        f"dropout {hp.dropout:.1f}"
    )


def figures(result: TrialResult) -> str:
    """Describe a result in a few words, aligned in a column.

    Args:
        result: What a training reached.

    Example:
        >>> chosen = Hyperparameters(depth=1, learning_rate=2e-4, head_units=64, dropout=0.3)
        >>> figures(TrialResult(hyperparameters=chosen, val_accuracy=0.9, val_auc=0.95,
        ...                     val_brier=0.08, val_loss=0.3, epochs=2, seconds=12.3))
        'accuracy 90.00 %  Brier 0.0800   12.3 s'
    """
    return (
        f"accuracy {100 * result.val_accuracy:5.2f} %  Brier {result.val_brier:.4f}  "
        f"{result.seconds:5.1f} s"
    )


def _accuracy(test: Scores) -> str:
    low, high = test.accuracy_interval
    return f"{100 * test.accuracy:.2f} % ({100 * low:.1f} to {100 * high:.1f})"
