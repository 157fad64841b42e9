"""The plots of a whole run: what was searched, and what its winners cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tuning.backbones.registry import BACKBONES
from tuning.report.drawing import (
    COLORS,
    MARKERS,
    Plot,
    Theme,
    counted,
    key_of,
    plotted,
    title_of,
)
from tuning.runs.schema import Epoch, TrialRecord, WinnerFacts

_DODGE = 0.14  # of the distance between two values, from one backbone's dots to the next one's


@dataclass(frozen=True)
class Curves:
    """The trainings of one backbone.

    Attributes:
        backbone: Name of the backbone.
        trials: Trials in any order; failed ones have no curve.
        bold: What is drawn bold: "refit", or "best trial" where there was no time for one.
        bold_depth: Fine-tuning depth of what is drawn bold.
        bold_history: Epochs of what is drawn bold.

    Example:
        >>> failed = TrialRecord(trial="0", values={"depth": 1}, result=None, note="diverged")
        >>> Curves("vgg16", [failed], "best trial", bold_depth=0, bold_history=[]).completed
        []
    """

    backbone: str
    trials: list[TrialRecord]
    bold: str
    bold_depth: int
    bold_history: Sequence[Epoch]

    @property
    def completed(self) -> list[tuple[int, Sequence[Epoch]]]:
        """Depth and history of each trial that ended well."""
        return [
            (record.hyperparameters.depth, record.result.history)
            for record in self.trials
            if record.result and record.result.history
        ]


def learning_curves(studies: Sequence[Curves]) -> list[Plot]:
    """Draw the validation accuracy of every trial by epoch, a plot a backbone on common axes.

    Args:
        studies: Trainings of each backbone.
    """
    histories = [
        history
        for study in studies
        for history in [study.bold_history, *(history for _, history in study.completed)]
    ]
    rows = pd.DataFrame([row.model_dump() for history in histories for row in history])
    low, high = 100 * rows["val_accuracy"].min(), 100 * rows["val_accuracy"].max()
    margin = 0.04 * (high - low) + 0.1
    limits = (low - margin, high + margin), (0.7, rows["epoch"].max() + 0.3)
    return [_study_curves(study, *limits) for study in studies]


def _study_curves(study: Curves, y: tuple[float, float], x: tuple[float, float]) -> Plot:
    def draw(axes: Axes, theme: Theme) -> list[Line2D]:
        for depth, history in study.completed:
            _curve(axes, history, color=theme.depth(depth), linewidth=1.3, alpha=0.85)
        color = theme.depth(study.bold_depth)
        _curve(axes, study.bold_history, color=color, linewidth=3.2, solid_capstyle="round")
        depths = sorted({study.bold_depth, *(depth for depth, _ in study.completed)})
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="Epoch", ylabel="Validation accuracy, %", ylim=y, xlim=x)
        keys = [Line2D([], [], color=theme.depth(d), label=f"depth {d}") for d in depths]
        return [*keys, Line2D([], [], color=color, linewidth=3.2, label=study.bold)]

    title = title_of(study.backbone)
    failed = len(study.trials) - len(study.completed)
    trials = counted(len(study.completed), "trial") + (f" ({failed} failed)" if failed else "")
    tops = [_top(history) for _, history in study.completed]
    reached = f", their best epochs {min(tops):.1f} to {max(tops):.1f} %" if tops else ""
    return plotted(
        draw,
        f"{title}: {trials}, {study.bold} at depth {study.bold_depth}",
        f"Learning curves of {title}: {trials}{reached}; {study.bold} at depth {study.bold_depth}, "
        f"its best epoch {_top(study.bold_history):.1f} %",
    )


def _curve(axes: Axes, history: Sequence[Epoch], **style: Any) -> None:
    table = pd.DataFrame([row.model_dump() for row in history])
    marker = "." if len(table) == 1 else None
    axes.plot(table["epoch"], 100 * table["val_accuracy"], marker=marker, **style)


def _top(history: Sequence[Epoch]) -> float:
    return 100 * max(row.val_accuracy for row in history)


def search(leaderboard: pd.DataFrame) -> list[Plot]:
    """Draw the validation accuracy of each trial against what was searched.

    Args:
        leaderboard: Table of all trials.
    """
    return [
        _against(leaderboard, "depth", "Fine-tuning depth"),
        _against(leaderboard, "learning_rate", "Learning rate"),
        _against(leaderboard, "head_units", "Head units"),
    ]


def _against(leaderboard: pd.DataFrame, column: str, title: str) -> Plot:
    finished = leaderboard.dropna(subset=["val_accuracy"])
    names = [name for name in BACKBONES if name in set(finished["backbone"])]
    values = sorted(finished[column].unique())

    def draw(axes: Axes, theme: Theme) -> list[Line2D]:
        for number, name in enumerate(names):
            rows = finished[finished["backbone"] == name]
            offset = _DODGE * (number - (len(names) - 1) / 2)
            if column == "learning_rate":
                x = rows[column] * 1.25**offset
            else:
                x = rows[column].map(values.index) + offset
            _trials(axes, name, x, rows, theme.ink)
        if column == "learning_rate":
            _log_axis(axes, "{:.0e}")
        else:
            axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        axes.set(xlabel=title, ylabel="Validation accuracy, %")
        return [key_of(name, linestyle="none", marker=MARKERS[name]) for name in names]

    low, high = 100 * finished["val_accuracy"].min(), 100 * finished["val_accuracy"].max()
    return plotted(
        draw,
        f"{title}: one dot for each trial, the best of each backbone is ringed",
        f"Validation accuracy against {title.lower()}, {counted(len(finished), 'trial')}, "
        f"{low:.1f} to {high:.1f} %",
    )


def _trials(axes: Axes, name: str, x: pd.Series, rows: pd.DataFrame, ink: str) -> None:
    """A backbone's trials, its best ringed."""
    y = 100 * rows["val_accuracy"]
    axes.scatter(x, y, color=COLORS[name], marker=MARKERS[name], alpha=0.85, linewidths=0)
    best = int(rows["val_brier"].to_numpy().argmin())
    axes.scatter(
        x.iloc[best], y.iloc[best], s=90, facecolors="none", edgecolors=ink, linewidths=1.2
    )


def costs(winners: dict[str, WinnerFacts]) -> list[Plot]:
    """Draw test accuracy against latency and file size, of winners for which they are known.

    Args:
        winners: Facts of each winner.

    Example:
        >>> costs({})  # nothing was measured
        []
    """
    measured = {name: w for name, w in winners.items() if w.latency_ms and w.bytes}
    if not measured:
        return []
    latencies = {name: w.latency_ms or 0.0 for name, w in measured.items()}
    sizes = {name: (w.bytes or 0) / 1e6 for name, w in measured.items()}
    return [
        _cost(measured, latencies, "latency", "ms"),
        _cost(measured, sizes, "file size", "MB"),
    ]


def _cost(winners: dict[str, WinnerFacts], x: dict[str, float], what: str, unit: str) -> Plot:
    def draw(axes: Axes, _: Theme) -> list[Line2D]:
        for name, facts in winners.items():
            axes.errorbar(
                x[name], 100 * facts.test_accuracy, yerr=_bar(facts), fmt=MARKERS[name],
                color=COLORS[name], capsize=3, markersize=7,
            )  # fmt: skip
        _log_axis(axes, "{:g}")
        axes.set_xlim(min(x.values()) / 1.6, max(x.values()) * 1.6)
        axes.set(xlabel=f"{what.capitalize()}, {unit}, log scale", ylabel="Test accuracy, %")
        return [key_of(name, marker=MARKERS[name]) for name in winners]

    points = "; ".join(
        f"{title_of(name)} {100 * facts.test_accuracy:.1f} % at {x[name]:.0f} {unit}"
        for name, facts in winners.items()
    )
    return plotted(
        draw,
        f"{_accuracy_in_words(winners)} against {what}",
        f"Test accuracy against {what}: {points}",
    )


def _bar(facts: WinnerFacts) -> list[list[float]] | None:
    """The interval of the accuracy, from the accuracy; a mean over several labels has none."""
    if len(facts.labels) > 1:
        return None
    test = facts.labels[0].test
    low, high = test.accuracy_interval
    return [[100 * (test.accuracy - low)], [100 * (high - test.accuracy)]]


def _accuracy_in_words(winners: dict[str, WinnerFacts]) -> str:
    labels = max(len(facts.labels) for facts in winners.values())
    if labels > 1:
        return f"Test accuracy, mean over {labels} labels,"
    return "Test accuracy with its 95 % interval"


def _log_axis(axes: Axes, number: str) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number.format(value)))
    axes.xaxis.set_minor_locator(NullLocator())
