"""The plots of a whole run: what was searched, and what its winners cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

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
from tuning.runs.schema import TrialRecord, WinnerFacts

_DODGE = 0.14  # of the distance between two values, from one backbone's dots to the next one's


@dataclass(frozen=True)
class Curves:
    """The trainings of one backbone.

    Attributes:
        backbone: Name of the backbone.
        trials: Trials in any order; failed ones have no curve.
        winner: Identifier of the trial that the winner is from, which is drawn bold.

    Example:
        >>> values = {"stages": 4, "depth": 1, "grid": 6, "learning_rate": 1e-4, "head_units": 0}
        >>> values |= {"dropout": 0.3}
        >>> failed = TrialRecord(trial="0", values=values, result=None, ended="diverged")
        >>> Curves("vgg16", [failed], winner="1").fine_tuned
        []
    """

    backbone: str
    trials: list[TrialRecord]
    winner: str

    @property
    def heads(self) -> list[TrialRecord]:
        """Heads alone that have a result."""
        return [t for t in self.trials if t.result and not t.hyperparameters.depth]

    @property
    def fine_tuned(self) -> list[TrialRecord]:
        """Trials with fine-tuned stages that have a leg, the winner last."""
        tuned = [t for t in self.trials if t.result and t.hyperparameters.depth]
        return sorted(tuned, key=lambda trial: trial.trial == self.winner)

    @property
    def failed(self) -> int:
        """Number of failed trials."""
        return sum(trial.status == "failed" for trial in self.trials)

    def points(self, trial: TrialRecord) -> list[tuple[float, float]]:
        """Return a trial's curve: thousands of images seen, and accuracy in percent.

        Args:
            trial: A trial with a result; the curve of a fine-tuned one begins with what it began
                with, that of a head is a point.
        """
        assert trial.result is not None, "asked of trials with a result"
        if not trial.hyperparameters.depth:
            return [(0.0, 100 * trial.result.val_accuracy)]
        legs = [(leg.images / 1000, 100 * leg.val_accuracy) for leg in trial.result.history]
        start = self._start_of(trial)
        return [
            *(self.points(start)[:1] if start and not start.hyperparameters.depth else []),
            *legs,
        ]

    def _start_of(self, trial: TrialRecord) -> TrialRecord | None:
        """The head that a trial was trained from; other starts have seen images already."""
        if trial.start:
            return None
        of = ("stages", "grid", "head_units")
        wanted = [trial.values[name] for name in of]
        return next((h for h in self.heads if [h.values[name] for name in of] == wanted), None)


def learning_curves(studies: Sequence[Curves]) -> list[Plot]:
    """Draw the validation accuracy of every trial by images seen, a plot a backbone, one scale.

    Args:
        studies: Trainings of each backbone.
    """
    points = [
        point
        for study in studies
        for trial in [*study.heads, *study.fine_tuned]
        for point in study.points(trial)
    ]
    low, high = min(y for _, y in points), max(y for _, y in points)
    margin, end = 0.04 * (high - low) + 0.1, max(x for x, _ in points) or 1.0
    limits = (low - margin, high + margin), (-0.04 * end, 1.04 * end)
    return [_study_curves(study, *limits) for study in studies]


def _study_curves(study: Curves, y: tuple[float, float], x: tuple[float, float]) -> Plot:
    def draw(axes: Axes, theme: Theme) -> list[Line2D]:
        for trial in [*study.heads, *study.fine_tuned]:
            _curve(axes, study, trial, theme)
        axes.set(
            xlabel="Training images seen, thousands",
            ylabel="Validation accuracy, %",
            ylim=y,
            xlim=x,
        )
        depths = sorted({trial.hyperparameters.depth for trial in study.fine_tuned})
        keys = [Line2D([], [], color=theme.depth(d), label=f"depth {d}") for d in depths]
        head = Line2D([], [], color=theme.depth(0), marker="o", ls="none", label="head alone")
        return [head, *keys, Line2D([], [], color=theme.ink, linewidth=3.2, label="winner")]

    title = title_of(study.backbone)
    trials = f"{counted(len(study.heads), 'head')}, {len(study.fine_tuned)} fine-tuned"
    trials += f" ({study.failed} failed)" if study.failed else ""
    return plotted(
        draw, f"{title}: {trials}", f"Learning curves of {title}: {trials}{_tops(study)}"
    )


def _curve(axes: Axes, study: Curves, trial: TrialRecord, theme: Theme) -> None:
    """A trial's curve, a dot for a head; the winner's bold, with a ring around a dot."""
    points, is_winner = study.points(trial), trial.trial == study.winner
    depth = trial.hyperparameters.depth
    style: dict[str, Any] = {"color": theme.depth(depth), "alpha": 1.0 if is_winner else 0.85}
    if len(points) == 1:
        edge = theme.ink if is_winner else "none"
        style |= {"marker": "o", "markeredgecolor": edge, "markersize": 8 if is_winner else 5}
    style |= {"linewidth": 3.2, "solid_capstyle": "round"} if is_winner else {"linewidth": 1.3}
    axes.plot(*zip(*points, strict=True), **style)


def _tops(study: Curves) -> str:
    """What the trials have come to, in words."""
    parts = []
    for name, trials in (("heads", study.heads), ("fine-tuned", study.fine_tuned)):
        tops = [100 * t.result.val_accuracy for t in trials if t.result]
        if tops:
            parts.append(f"{name} {min(tops):.1f} to {max(tops):.1f} %")
    winner = next((t for t in study.trials if t.trial == study.winner and t.result), None)
    if winner and winner.result:
        depth = winner.hyperparameters.depth
        reached = 100 * winner.result.val_accuracy
        parts.append(f"winner at depth {depth}, {reached:.1f} %")
    return "; " + ", ".join(parts) if parts else ""


def anytime(timeline: pd.DataFrame) -> list[Plot]:
    """Draw what each backbone's best trial had come to by each minute, nothing without a timeline.

    Args:
        timeline: Table of the run's steps, see `tuning.runs.timeline`.
    """
    reached = timeline.dropna(subset=["val_accuracy"])
    names = [name for name in BACKBONES if name in set(reached["backbone"])]
    if not names:
        return []
    end = timeline["ended"].max() / 60

    def draw(axes: Axes, _: Theme) -> list[Line2D]:
        for name in names:
            rows = reached[reached["backbone"] == name].sort_values("ended")
            x, y = [*rows["ended"] / 60, end], 100 * rows["val_accuracy"]
            axes.step(x, [*y, y.iloc[-1]], where="post", color=COLORS[name], linewidth=1.8)
        axes.set(xlabel="Minutes worked on the run", ylabel="Validation accuracy, %")
        return [key_of(name, linewidth=1.8) for name in names]

    firsts = (reached[reached["backbone"] == name]["ended"].min() / 60 for name in names)
    first = ", ".join(f"{title_of(n)} {m:.1f}" for n, m in zip(names, firsts, strict=True))
    return [
        plotted(
            draw,
            "Validation accuracy of each backbone: its best trial by the minute",
            f"Validation accuracy of each backbone's best trial by the minute; first results after "
            f"so many minutes: {first}; {end:.1f} minutes in all",
        )
    ]


def search(leaderboard: pd.DataFrame) -> list[Plot]:
    """Draw the validation accuracy of each trial against what was searched, where that differs.

    Args:
        leaderboard: Table of all trials.
    """
    finished = leaderboard.dropna(subset=["score"])
    tuned = finished[finished["depth"] > 0]
    titles = {
        "stages": "Stages in front of the head",
        "grid": "Grid of the head",
        "depth": "Fine-tuning depth",
        "head_units": "Head units",
    }
    plots = [_against(finished, column, title) for column, title in titles.items()]
    rates = _against(tuned, "learning_rate", "Learning rate")
    return [plot for plot in (*plots, rates) if plot]


def _against(finished: pd.DataFrame, column: str, title: str) -> Plot | None:
    names = [name for name in BACKBONES if name in set(finished["backbone"])]
    values = sorted(finished[column].unique())
    if len(values) < 2:
        return None

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
    hollow = ", hollow for a head alone" if (finished["depth"] == 0).any() else ""
    return plotted(
        draw,
        f"{title}: one dot for each trial{hollow}; the best of each backbone is ringed",
        f"Validation accuracy against {title.lower()}, {counted(len(finished), 'trial')}, "
        f"{low:.1f} to {high:.1f} %",
    )


def _trials(axes: Axes, name: str, x: pd.Series, rows: pd.DataFrame, ink: str) -> None:
    """A backbone's trials, heads alone hollow, its best ringed."""
    y, heads = 100 * rows["val_accuracy"], (rows["depth"] == 0).to_numpy()
    color, marker = COLORS[name], MARKERS[name]
    axes.scatter(x[~heads], y[~heads], color=color, marker=marker, alpha=0.85, linewidths=0)
    axes.scatter(x[heads], y[heads], facecolors="none", edgecolors=color, marker=marker, alpha=0.85)
    best = int(rows["score"].to_numpy().argmin())
    axes.scatter(
        x.iloc[best], y.iloc[best], s=90, facecolors="none", edgecolors=ink, linewidths=1.2
    )


def costs(winners: dict[str, WinnerFacts]) -> list[Plot]:
    """Draw test accuracy against latency and file size.

    Args:
        winners: Facts of each winner, at least one.
    """
    latencies = {name: facts.latency_ms for name, facts in winners.items()}
    sizes = {name: facts.bytes / 1e6 for name, facts in winners.items()}
    return [
        _cost(winners, latencies, "latency", "ms"),
        _cost(winners, sizes, "file size", "MB"),
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
