"""The exported models side by side: `comparison.csv` in the models folder, and a table."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from export.bundling import Exported
from export.champion import Candidate, pareto_front

COMPARISON_FILE = "comparison.csv"
_FORMS = {"keras": "Keras", "saved_model": "SavedModel", "fp32": "ONNX", "int8": "INT8"}


def report(
    exported: Sequence[Exported], champion: Candidate | None, models: Path, console: Console
) -> None:
    """Write the comparison and print what matters of it.

    Args:
        exported: best first.
        champion: among them, None if no model is within the limits.
        models: folder to write to.
        console: to print to.
    """
    front = pareto_front([item.candidate for item in exported])
    table = pd.DataFrame([_row(item, champion, item.candidate in front) for item in exported])
    table.to_csv(models / COMPARISON_FILE, index=False)
    console.print(_table(table.to_dict("records"), exported[0]))
    console.print("Next: `make demo`, or `python -m inference predict --help`.", soft_wrap=True)


def _row(item: Exported, champion: Candidate | None, on_front: bool) -> dict[str, Any]:
    info, candidate = item.info, item.candidate
    assert info.band and info.speed
    figures = info.metrics.model_dump()
    last = info.quantization[-1]
    failed = [tried.settings for tried in info.quantization if not tried.passed]
    row = {
        "backbone": info.backbone,
        "champion": candidate == champion,
        "pareto_front": on_front,
        "served": candidate.precision,
        "val_accuracy": candidate.val_accuracy,
        "val_brier": candidate.val_brier,
        **{f"test_accuracy_{name}": form.accuracy for name, form in info.formats.items()},
        "recipe": last.settings if last.passed else None,
        "failed_recipes": "; ".join(failed),
        "changed_decisions": last.changed_decisions,
        "calibration_error_before": figures["uncalibrated_error"],
        "calibration_error_after": figures["calibration_error"],
        "uncertain": figures["test_share_uncertain"],
        "accuracy_of_the_rest": figures["test_decided_accuracy"],
        **{f"{name}_mb": form.bytes / 1e6 for name, form in info.formats.items()},
    }
    for name, timing in info.speed.timings.items():
        row |= {f"{name}_{key}": value for key, value in timing.model_dump().items()}
    return row


def _table(rows: list[dict[Hashable, Any]], first: Exported) -> Table:
    """A column a model, so that five fit into 80 characters."""
    speed = first.info.speed
    assert speed
    shown = Table(
        "",
        *(str(row["backbone"]) for row in rows),
        caption=f"Accuracies and ECE (expected calibration error) on test images, changed "
        f"decisions on validation images. {speed.processor}, {speed.threads} threads; ms of one "
        f"image, images a second in batches of {speed.batch_size}, medians of {speed.rounds} "
        "rounds.",
    )

    def add(name: str, key: str, form: str) -> None:
        shown.add_row(name, *(_number(row.get(key), form) for row in rows))

    shown.add_row("champion", *("yes" if row["champion"] else "" for row in rows))
    shown.add_row("on the Pareto front", *("yes" if row["pareto_front"] else "" for row in rows))
    shown.add_row("served as", *(str(row["served"]) for row in rows))
    add("accuracy fp32", "test_accuracy_fp32", ".2%")
    add("accuracy INT8", "test_accuracy_int8", ".2%")
    add("decisions changed", "changed_decisions", ".2%")
    add("ECE uncalibrated", "calibration_error_before", ".3f")
    add("ECE calibrated", "calibration_error_after", ".3f")
    add("uncertain", "uncertain", ".2%")
    add("accuracy of the rest", "accuracy_of_the_rest", ".2%")
    for form, name in _FORMS.items():
        add(f"{name} ms", f"{form}_latency_ms", ".1f")
    for form, name in _FORMS.items():
        add(f"{name} images/s", f"{form}_throughput", ".0f")
    for form, name in _FORMS.items():
        add(f"{name} peak MB", f"{form}_peak_mb", ".0f")
    shown.add_row("MB served", *(f"{row[row['served'] + '_mb']:.1f}" for row in rows))
    return shown


def _number(value: float | None, form: str) -> str:
    return "" if value is None or pd.isna(value) else format(value, form)
