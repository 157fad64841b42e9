"""What a person sees while a run works: one line an event, a live bar below on a terminal."""

from __future__ import annotations

from collections.abc import Callable
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
        >>> progress.expect(["vgg16", "vgg19"], lambda: None)
        >>> progress.backbone("VGG16", "vgg16").say("  all 4,000 training images")
        VGG16      all 4,000 training images
    """

    def __init__(
        self, console: Console | None = None, prefix: str = "", within: Progress | None = None
    ) -> None:
        super().__init__(console, prefix, within)
        self._backbones: list[str] = []
        self._time_left: Callable[[], float | None] = lambda: None

    def expect(self, backbones: list[str], time_left: Callable[[], float | None]) -> None:
        """Take note of what is to come.

        Args:
            backbones: Names of the backbones to search, in order.
            time_left: Returns the seconds left of the run's budget, None for no limit.
        """
        self._backbones = backbones
        self._time_left = time_left

    def backbone(self, title: str, name: str) -> Progress:
        """Return what is shown of one backbone's search, whose lines say whose they are.

        Args:
            title: Its name in papers.
            name: Its name in the registry.
        """
        prefix = f"{title:<{_TITLE}}" if len(self._backbones) > 1 else ""
        of_it = Progress(prefix=prefix, within=self)
        of_it._time_left, of_it._backbone = self._time_left, name
        return of_it

    def leg_done(self, record: TrialRecord, best: TrialRecord | None) -> None:
        """Print a leg of a trial that ended, or that the trial failed.

        Args:
            record: Record of the trial.
            best: Best trial so far, None without any.
        """
        title = f"  trial {record.trial}  {describe(record.hyperparameters)}"
        if record.result is None:
            self.say(f"{title}  failed: {record.ended}", style="red")
            return
        verdicts = [record.ended or "goes on"]
        if best is not None and best.trial == record.trial:
            is_tuned = record.hyperparameters.depth > 0
            verdicts = ["best so far", *(verdicts if is_tuned else [])]
        self.say(f"{title}  {figures(record.result)}  {', '.join(verdicts)}{self._left()}")

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
        left = self._time_left()
        if left is None:
            return ""
        return f"  {left / 60:.0f} min left" if left >= 60 else "  under a minute left"


def describe(hp: Hyperparameters) -> str:
    """Describe hyperparameters in a few words.

    Args:
        hp: Hyperparameters of a training.

    Example:
        >>> chosen = {"stages": 4, "grid": 6, "learning_rate": 1e-4, "dropout": 0.3}
        >>> describe(Hyperparameters(**chosen, depth=0, head_units=0))
        'head behind stage 4, grid 6'
        >>> describe(Hyperparameters(**chosen, depth=2, head_units=64))
        'head behind stage 4, grid 6, 64 units; trains 2 stages, rate 1.0e-04, dropout 0.3'
    """
    units = f", {hp.head_units} units" if hp.head_units else ""
    head = f"head behind stage {hp.stages}, grid {hp.grid}{units}"
    if not hp.depth:
        return head
    trained = f"{hp.depth} stage{'s' if hp.depth > 1 else ''}"
    return f"{head}; trains {trained}, rate {hp.learning_rate:.1e}, dropout {hp.dropout:.1f}"


def figures(result: TrialResult) -> str:
    """Describe a result in a few words, aligned in a column.

    Args:
        result: What a training reached.

    Example:
        >>> chosen = {"stages": 4, "depth": 1, "grid": 6, "learning_rate": 1e-4, "head_units": 64}
        >>> figures(TrialResult(hyperparameters=chosen | {"dropout": 0.3}, score=0.07,
        ...                     val_accuracy=0.9, val_auc=0.95, val_brier=0.08, val_loss=0.3,
        ...                     epochs=2, seconds=12.3, trained=4000))
        'accuracy 90.00 %  score 0.0700   12.3 s  2.0 epochs'
    """
    epochs = f"  {result.epochs:.1f} epochs" if result.hyperparameters.depth else ""
    return (
        f"accuracy {100 * result.val_accuracy:5.2f} %  score {result.score:.4f}  "
        f"{result.seconds:5.1f} s{epochs}"
    )


def _accuracy(test: Scores) -> str:
    low, high = test.accuracy_interval
    return f"{100 * test.accuracy:.2f} % ({100 * low:.1f} to {100 * high:.1f})"
