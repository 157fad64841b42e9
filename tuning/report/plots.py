"""The report's plots: PNGs inside the page, each drawn for a light and for a dark screen."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from sklearn.metrics import roc_curve

from tuning.backbones.registry import BACKBONES
from tuning.metrics import accuracy_interval, equal_bins
from tuning.runs.schema import Epoch, TrialRecord, WinnerFacts

# Medium tones, visible on white and on black, and distinct for most color-blind readers.
_TONES = ("#3b82c4", "#d55e00", "#009e73", "#b5619b", "#a07800")
_COLORS = {name: _TONES[i % len(_TONES)] for i, name in enumerate(BACKBONES)}
_MARKERS = {name: "osD^v"[i % 5] for i, name in enumerate(BACKBONES)}
_MAX_DEPTH = max(backbone.max_depth for backbone in BACKBONES.values())
_HEAD_ALONE = "#8b949e"
_DODGE = 0.14  # of the distance between two values, from one backbone's dots to the next one's
_BINS, _LEAST_IN_BIN = 10, 5
_GOOD_AUC = 0.9  # from which on all curves lie in the corner that is drawn larger


@dataclass(frozen=True)
class Plot:
    """A figure of the page.

    Attributes:
        caption: Text below the figure, one line.
        alt: Text in place of it, for those who do not see it.
        light: PNG for a light page as a data URI, transparent, with dark ink.
        dark: PNG for a dark page, with light ink.
    """

    caption: str
    alt: str
    light: str
    dark: str


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


@dataclass(frozen=True)
class _Theme:
    ink: str
    ramp: tuple[float, float]  # the part of viridis that is seen on this background

    def depth(self, depth: int) -> str:
        """Color of a fine-tuning depth."""
        if depth == 0:
            return _HEAD_ALONE
        low, high = self.ramp
        return to_hex(mpl.colormaps["viridis"](low + (high - low) * (depth - 1) / (_MAX_DEPTH - 1)))


_LIGHT, _DARK = _Theme("#24292f", (0.05, 0.86)), _Theme("#d7dce2", (0.45, 1.0))
_Draw = Callable[[Axes, _Theme], list[Line2D]]
"""Draws into axes; returns what the legend shows."""


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
    def draw(axes: Axes, theme: _Theme) -> list[Line2D]:
        for depth, history in study.completed:
            _curve(axes, history, color=theme.depth(depth), linewidth=1.3, alpha=0.85)
        color = theme.depth(study.bold_depth)
        _curve(axes, study.bold_history, color=color, linewidth=3.2, solid_capstyle="round")
        depths = sorted({study.bold_depth, *(depth for depth, _ in study.completed)})
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="Epoch", ylabel="Validation accuracy, %", ylim=y, xlim=x)
        keys = [Line2D([], [], color=theme.depth(d), label=f"depth {d}") for d in depths]
        return [*keys, Line2D([], [], color=color, linewidth=3.2, label=study.bold)]

    title = _title(study.backbone)
    failed = len(study.trials) - len(study.completed)
    trials = _count(len(study.completed), "trial") + (f" ({failed} failed)" if failed else "")
    tops = [_top(history) for _, history in study.completed]
    reached = f", their best epochs {min(tops):.1f} to {max(tops):.1f} %" if tops else ""
    return _plot(
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

    def draw(axes: Axes, theme: _Theme) -> list[Line2D]:
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
        return [_key(name, linestyle="none", marker=_MARKERS[name]) for name in names]

    low, high = 100 * finished["val_accuracy"].min(), 100 * finished["val_accuracy"].max()
    return _plot(
        draw,
        f"{title}: one dot for each trial, the best of each backbone is ringed",
        f"Validation accuracy against {title.lower()}, {_count(len(finished), 'trial')}, "
        f"{low:.1f} to {high:.1f} %",
    )


def _trials(axes: Axes, name: str, x: pd.Series, rows: pd.DataFrame, ink: str) -> None:
    """A backbone's trials, its best ringed."""
    y = 100 * rows["val_accuracy"]
    axes.scatter(x, y, color=_COLORS[name], marker=_MARKERS[name], alpha=0.85, linewidths=0)
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
    def draw(axes: Axes, _: _Theme) -> list[Line2D]:
        for name, facts in winners.items():
            accuracy, (low, high) = facts.test.accuracy, facts.test.accuracy_interval
            bar = [[100 * (accuracy - low)], [100 * (high - accuracy)]]
            axes.errorbar(
                x[name], 100 * accuracy, yerr=bar, fmt=_MARKERS[name], color=_COLORS[name],
                capsize=3, markersize=7,
            )  # fmt: skip
        _log_axis(axes, "{:g}")
        axes.set_xlim(min(x.values()) / 1.6, max(x.values()) * 1.6)
        axes.set(xlabel=f"{what.capitalize()}, {unit}, log scale", ylabel="Test accuracy, %")
        return [_key(name, marker=_MARKERS[name]) for name in winners]

    points = "; ".join(
        f"{_title(name)} {100 * facts.test.accuracy:.1f} % at {x[name]:.0f} {unit}"
        for name, facts in winners.items()
    )
    return _plot(
        draw,
        f"Test accuracy with its 95 % interval against {what}",
        f"Test accuracy against {what}: {points}",
    )


def _log_axis(axes: Axes, number: str) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number.format(value)))
    axes.xaxis.set_minor_locator(NullLocator())


def roc(winners: dict[str, WinnerFacts], tests: dict[str, pd.DataFrame]) -> Plot:
    """Draw ROC curves, with the corner larger where all curves run through it.

    Args:
        winners: Facts of each winner.
        tests: Table with `label` and `p_man` of the test images, of each winner.
    """
    curves = {name: roc_curve(table["label"], table["p_man"]) for name, table in tests.items()}

    def draw(axes: Axes, _: _Theme) -> list[Line2D]:
        views = [axes]
        if min(facts.test.auc for facts in winners.values()) >= _GOOD_AUC:
            views.append(_corner(axes))
        else:
            axes.plot([0, 1], [0, 1], color="grey", linewidth=0.7)
        for name, (false_positive, true_positive, *_) in curves.items():
            for view in views:
                view.plot(false_positive, true_positive, color=_COLORS[name])
        axes.set(
            xlabel="False positive rate: women predicted as men",
            ylabel="True positive rate: men predicted as men",
        )
        return [_key(name) for name in winners]

    areas = ", ".join(f"{_title(name)} {f.test.auc:.4f}" for name, f in winners.items())
    return _plot(
        draw,
        "ROC curves on test images",
        f"ROC curves on test images; areas under them: {areas}",
    )


def _corner(axes: Axes) -> Axes:
    inset = axes.inset_axes((0.36, 0.1, 0.6, 0.6), xlim=(0, 0.2), ylim=(0.8, 1.003))
    inset.tick_params(labelsize=7)
    inset.set_title("the upper left corner", fontsize=8)
    return inset


def reliability(winners: dict[str, WinnerFacts], tests: dict[str, pd.DataFrame]) -> Plot:
    """Draw the share labeled man against p_man, in ten equal bins, the best with 95 % intervals.

    Args:
        winners: Facts of each winner, best first.
        tests: Table with `label` and `p_man` of the test images, of each winner.
    """
    best, *others = winners

    def draw(axes: Axes, _: _Theme) -> list[Line2D]:
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.7)
        table = _binned(tests[best])
        bars = [table["share"] - table["low"], table["high"] - table["share"]]
        axes.errorbar(
            table["p_man"], table["share"], yerr=bars, color=_COLORS[best], fmt=_MARKERS[best],
            linestyle="-", linewidth=2.2, capsize=3, zorder=3,
        )  # fmt: skip
        for name in others:
            table = _binned(tests[name])
            axes.plot(
                table["p_man"], table["share"], color=_COLORS[name], marker=_MARKERS[name],
                markersize=3.5, linewidth=1, alpha=0.5,
            )  # fmt: skip
        axes.set(xlabel="p_man, mean of a bin", ylabel="Share labeled man")
        return [_key(name, marker=_MARKERS[name]) for name in winners]

    errors = ", ".join(
        f"{_title(name)} {facts.test.calibration_error:.3f}" for name, facts in winners.items()
    )
    return _plot(
        draw,
        f"Reliability on test images: ten equal bins, those with {_LEAST_IN_BIN} images or more; "
        f"95 % intervals of {_title(best)}, the best on validation images",
        f"Reliability diagram on test images; calibration errors: {errors}",
    )


def _binned(table: pd.DataFrame) -> pd.DataFrame:
    groups = table.groupby(equal_bins(table["p_man"].to_numpy(), _BINS))
    binned = groups.agg(p_man=("p_man", "mean"), men=("label", "sum"), count=("label", "size"))
    binned = binned[binned["count"] >= _LEAST_IN_BIN].astype({"men": int, "count": int})
    intervals = [
        accuracy_interval(*pair) for pair in zip(binned["men"], binned["count"], strict=True)
    ]
    return binned.assign(
        share=binned["men"] / binned["count"],
        low=[low for low, _ in intervals],
        high=[high for _, high in intervals],
    )


def _plot(draw: _Draw, caption: str, alt: str) -> Plot:
    return Plot(caption, alt, *(_picture(draw, theme) for theme in (_LIGHT, _DARK)))


def _picture(draw: _Draw, theme: _Theme) -> str:
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style: dict[Any, Any] = {
        **dict.fromkeys(ink, theme.ink), "axes.grid": True, "grid.color": theme.ink,
        "grid.alpha": 0.15, "axes.spines.top": False, "axes.spines.right": False,
        "axes.axisbelow": True, "font.size": 9,
    }  # fmt: skip
    buffer = io.BytesIO()
    with mpl.rc_context(style):
        figure = Figure(figsize=(4.4, 3.6), layout="constrained")
        axes = figure.subplots()
        keys = draw(axes, theme)
        figure.legend(handles=keys, loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(buffer, format="png", dpi=180, transparent=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _key(name: str, **style: Any) -> Line2D:
    return Line2D([], [], color=_COLORS[name], label=_title(name), **style)


def _title(name: str) -> str:
    return BACKBONES[name].title


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
