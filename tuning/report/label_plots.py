"""The plots of one label on test images: ROC curves and reliability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from sklearn.metrics import roc_auc_score, roc_curve

from data import GENDER, Label
from data.labels import MISSING
from tuning.metrics import accuracy_interval, auc, calibration_error, calibration_points, equal_bins
from tuning.report.drawing import (
    COLORS,
    MARKERS,
    TONES,
    Plot,
    Theme,
    key_of,
    plotted,
    shown,
    title_of,
)

_BINS, _LEAST_IN_BIN = 10, 5
_GOOD_AUC = 0.9  # from which on all curves lie in the corner that is drawn larger
_CURVES = 10
_DASHES: tuple[Literal["-", "--"], ...] = ("-", "--")
_STYLES = [(color, dashes) for dashes, color in product(_DASHES, TONES)]


@dataclass(frozen=True)
class Tested:
    """What a winner says of the test images that have a label.

    Attributes:
        codes: Codes, int [n], none missing.
        p: Class probabilities, float [n, C].
        people: Number of the person in each image, int [n].

    Example:
        >>> p = np.array([[0.9, 0.1], [0.5, 0.5]])
        >>> Tested.of(np.array([0, -1]), p, np.array([3, 4])).people.tolist()
        [3]
    """

    codes: np.ndarray
    p: np.ndarray
    people: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, p: np.ndarray, people: np.ndarray) -> Tested:
        """Leave out the images without the label.

        Args:
            codes: Codes, int [N], `MISSING` for none.
            p: Class probabilities, float [N, C].
            people: Number of the person in each image, int [N].
        """
        has = codes != MISSING
        return cls(codes[has], p[has], people[has])


def roc(label: Label, tests: Mapping[str, Tested]) -> Plot:
    """Draw ROC curves, with the corner larger where all curves run through it.

    Of two classes each winner has a curve, of more each class against the rest, of the best winner.

    Args:
        label: The label.
        tests: What each winner says of the test images, the best first.
    """
    if label.is_binary:
        return _roc_of_winners(label, tests)
    best = next(iter(tests))
    return _roc_of_classes(label, best, tests[best])


def _roc_of_winners(label: Label, tests: Mapping[str, Tested]) -> Plot:
    first, second = map(shown, label.classes)
    axes_labels = (f"False positive rate: {first} predicted as {second}",
                   f"True positive rate: {second} predicted as {second}")  # fmt: skip
    if label == GENDER:
        axes_labels = ("False positive rate: women predicted as men",
                       "True positive rate: men predicted as men")  # fmt: skip
    areas = {name: auc(test.codes, test.p) for name, test in tests.items()}
    curves = [
        (*roc_curve(test.codes, test.p[:, 1])[:2], key_of(name)) for name, test in tests.items()
    ]
    listed = ", ".join(f"{title_of(name)} {area:.4f}" for name, area in areas.items())
    return plotted(
        lambda axes, _: _roc_curves(axes, curves, min(areas.values()), axes_labels),
        "ROC curves on test images",
        f"ROC curves on test images; areas under them: {listed}",
    )


def _roc_of_classes(label: Label, backbone: str, test: Tested) -> Plot:
    present = [code for code in range(len(label.classes)) if 0 < (test.codes == code).mean() < 1]
    areas = {code: float(roc_auc_score(test.codes == code, test.p[:, code])) for code in present}
    lowest = sorted(areas, key=lambda code: areas[code])[:_CURVES]
    curves = [
        (*roc_curve(test.codes == code, test.p[:, code])[:2], _class_key(label, code, number))
        for number, code in enumerate(sorted(lowest))
    ]
    listed = ", ".join(f"{label.classes[code]} {areas[code]:.4f}" for code in sorted(lowest))
    which = "each class" if len(lowest) == len(areas) else f"the {_CURVES} hardest classes"
    return plotted(
        lambda axes, _: _roc_curves(
            axes,
            curves,
            min(areas.values(), default=0.0),
            ("False positive rate: others predicted as the class", "True positive rate"),
        ),
        f"ROC curves of {which} against the rest on test images, {title_of(backbone)}",
        f"ROC curves of {which} against the rest; areas under them: {listed}",
    )


def _class_key(label: Label, code: int, number: int) -> Line2D:
    color, dashes = _STYLES[number]
    return Line2D([], [], color=color, linestyle=dashes, label=shown(label.classes[code]))


_Curve = tuple[np.ndarray, np.ndarray, Line2D]
"""False and true positive rates, and how they are drawn."""


def _roc_curves(
    axes: Axes, curves: list[_Curve], least_area: float, titles: tuple[str, str]
) -> list[Line2D]:
    views = [axes]
    if least_area >= _GOOD_AUC:
        views.append(_corner(axes))
    else:
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.7)
    for false_positive, true_positive, key in curves:
        for view in views:
            view.plot(
                false_positive, true_positive, color=key.get_color(), linestyle=key.get_linestyle()
            )
    axes.set(xlabel=titles[0], ylabel=titles[1])
    return [key for _, _, key in curves]


def _corner(axes: Axes) -> Axes:
    inset = axes.inset_axes((0.36, 0.1, 0.6, 0.6), xlim=(0, 0.2), ylim=(0.8, 1.003))
    inset.tick_params(labelsize=7)
    inset.set_title("the upper left corner", fontsize=8)
    return inset


def reliability(label: Label, tests: Mapping[str, Tested]) -> Plot:
    """Draw how often what was said happened, in ten equal bins, the best with 95 % intervals.

    Args:
        label: The label.
        tests: What each winner says of the test images, the best first.
    """
    best, *others = tests
    titles = _said_and_happened(label)

    def draw(axes: Axes, _: Theme) -> list[Line2D]:
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.7)
        table = _binned(tests[best])
        bars = [table["share"] - table["low"], table["high"] - table["share"]]
        axes.errorbar(
            table["said"], table["share"], yerr=bars, color=COLORS[best], fmt=MARKERS[best],
            linestyle="-", linewidth=2.2, capsize=3, zorder=3,
        )  # fmt: skip
        for name in others:
            table = _binned(tests[name])
            axes.plot(
                table["said"], table["share"], color=COLORS[name], marker=MARKERS[name],
                markersize=3.5, linewidth=1, alpha=0.5,
            )  # fmt: skip
        axes.set(xlabel=titles[0], ylabel=titles[1])
        return [key_of(name, marker=MARKERS[name]) for name in tests]

    errors = ", ".join(
        f"{title_of(name)} {calibration_error(test.codes, test.p):.3f}"
        for name, test in tests.items()
    )
    return plotted(
        draw,
        f"Reliability on test images: ten equal bins, those with {_LEAST_IN_BIN} images or more; "
        f"95 % intervals of {title_of(best)}, the best on validation images",
        f"Reliability diagram on test images; calibration errors: {errors}",
    )


def _said_and_happened(label: Label) -> tuple[str, str]:
    if label == GENDER:
        return "p_man, mean of a bin", "Share labeled man"
    if label.is_binary:
        second = shown(label.classes[1])
        return f"Probability of {second}, mean of a bin", f"Share labeled {second}"
    return "Probability of the likeliest class, mean of a bin", "Share of correct predictions"


def _binned(test: Tested) -> pd.DataFrame:
    said, happened = calibration_points(test.codes, test.p)
    table = pd.DataFrame({"said": said, "happened": happened, "person": test.people})
    rows = []
    for _, of_bin in table.groupby(equal_bins(said, _BINS)):
        if len(of_bin) >= _LEAST_IN_BIN:
            happened, people = of_bin["happened"].to_numpy(), of_bin["person"].to_numpy()
            rows.append(
                (of_bin["said"].mean(), happened.mean(), *accuracy_interval(happened, people))
            )
    return pd.DataFrame(rows, columns=["said", "share", "low", "high"])
