"""The exported models side by side: `comparison.csv` in the models folder, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.markup import escape
from rich.table import Table

from export.bundling import Exported
from export.champion import Candidate, pareto_front
from export.forms import TITLES
from inference.bundle import BundleInfo

FILE = "comparison.csv"

_TIMES = (
    ("latency_ms", "ms", ".1f"),
    ("throughput", "images/s", ".0f"),
    ("peak_mb", "peak MB", ".0f"),
)  # fields of `Timing` with their units and formats

_OF_LABEL = {
    "val_accuracy": "val_accuracy",
    "val_brier": "val_brier",
    "test_accuracy": "test_accuracy",
    "calibration_error_after": "calibration_error",
    "uncertain": "test_share_uncertain",
    "accuracy_of_the_rest": "test_decided_accuracy",
}  # columns with the figures that they hold

_Value = str | float | bool | None


def write(exported: Sequence[Exported], champion: Candidate | None, path: Path) -> None:
    """Write one row for each model.

    Args:
        exported: Exported models, best first.
        champion: The champion among them, None if no model is within the limits.
        path: Path of the CSV file, replaced if it is there.
    """
    front = pareto_front([item.candidate for item in exported])
    rows = [_row(item, item.candidate == champion, item.candidate in front) for item in exported]
    pd.DataFrame(rows).to_csv(path, index=False)


def _row(item: Exported, is_champion: bool, is_on_front: bool) -> dict[str, _Value]:
    info, candidate = item.info, item.candidate
    assert info.speed
    last = info.quantization[-1]
    failed = [trial.settings for trial in info.quantization if not trial.passed]
    figures = info.metrics.model_dump()
    return {
        "backbone": info.backbone,
        "champion": is_champion,
        "pareto_front": is_on_front,
        "served": candidate.precision,
        "val_accuracy": candidate.val_accuracy,
        "score": candidate.score,
        **{f"test_accuracy_{name}": file.accuracy for name, file in info.formats.items()},
        "recipe": last.settings if last.passed else None,
        "failed_recipes": "; ".join(failed),
        "changed_decisions": last.changed_decisions,
        "calibration_error_before": figures["uncalibrated_error"],
        "calibration_error_after": figures["calibration_error"],
        "uncertain": figures["test_share_uncertain"],
        "accuracy_of_the_rest": figures["test_decided_accuracy"],
        **{f"{name}_mb": file.bytes / 1e6 for name, file in info.formats.items()},
        **{
            f"{name}_{key}": value
            for name, timing in info.speed.timings.items()
            for key, value in timing.model_dump().items()
        },
        **(_by_label(info) if len(info.labels) > 1 else {}),
    }


def _by_label(info: BundleInfo) -> dict[str, _Value]:
    """Figures of each label; those beside them are means."""
    cells: dict[str, _Value] = {}
    for label in info.labels:
        figures = label.metrics.model_dump()
        cells |= {f"{column}:{label.name}": figures[name] for column, name in _OF_LABEL.items()}
    return cells


def table(exported: Sequence[Exported], champion: Candidate | None) -> Table:
    """Make a table with a column for each model, so that five fit into 80 characters.

    Args:
        exported: Exported models, best first.
        champion: The champion among them, None if no model is within the limits.
    """
    front = pareto_front([item.candidate for item in exported])
    speed = exported[0].info.speed
    assert speed
    means = ", of several labels their means" if len(exported[0].info.labels) > 1 else ""
    shown = Table(
        "",
        *(item.info.backbone for item in exported),
        caption=f"Accuracies and ECE (expected calibration error) on test images{means}, changed "
        f"decisions on validation images. {speed.processor}, {speed.threads} threads; ms for one "
        f"image, images a second in batches of {speed.batch_size}, medians of {speed.rounds} "
        "rounds.",
    )
    columns = [
        _cells(item, item.candidate == champion, item.candidate in front) for item in exported
    ]
    for title in columns[0]:
        shown.add_row(title, *(cells[title] for cells in columns))
    return shown


def _cells(item: Exported, is_champion: bool, is_on_front: bool) -> dict[str, str]:
    info, metrics = item.info, item.info.metrics.model_dump()
    assert info.speed
    accuracies = {name: file.accuracy for name, file in info.formats.items()}
    cells = {
        "champion": "yes" if is_champion else "",
        "on the Pareto front": "yes" if is_on_front else "",
        "served as": item.candidate.precision,
        "accuracy fp32": _text(accuracies.get("fp32"), ".2%"),
        "accuracy INT8": _text(accuracies.get("int8"), ".2%"),
        **(_accuracies(info) if len(info.labels) > 1 else {}),
        "decisions changed": _text(info.quantization[-1].changed_decisions, ".2%"),
        "ECE uncalibrated": _text(metrics["uncalibrated_error"], ".3f"),
        "ECE calibrated": _text(metrics["calibration_error"], ".3f"),
        "uncertain": _text(metrics["test_share_uncertain"], ".2%"),
        "accuracy of the rest": _text(metrics["test_decided_accuracy"], ".2%"),
    }
    for field, unit, form in _TIMES:
        for name, title in TITLES.items():
            timing = info.speed.timings.get(name)
            cells[f"{title} {unit}"] = _text(getattr(timing, field, None), form)
    cells["MB served"] = _text(item.candidate.size_mb, ".1f")
    return cells


def _accuracies(info: BundleInfo) -> dict[str, str]:
    return {
        f"  {escape(label.name)}": _text(label.metrics.test_accuracy, ".2%")
        for label in info.labels
    }


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
