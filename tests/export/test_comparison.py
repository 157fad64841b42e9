from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from export import comparison
from export.bundling import Exported
from export.champion import Candidate
from inference import bundle


@pytest.fixture
def two(exported: Path) -> list[Exported]:
    """A model, and one that is better, slower and has no INT8."""
    info = bundle.find(exported).info
    fp32 = {name: file for name, file in info.formats.items() if name != "int8"}
    failed = info.quantization[0].model_copy(update={"passed": False})
    assert info.speed
    timings = {name: t for name, t in info.speed.timings.items() if name != "int8"}
    other = info.model_copy(
        update={
            "backbone": "vgg19",
            "formats": fp32,
            "quantization": (failed, failed),
            "speed": info.speed.model_copy(update={"timings": timings}),
        }
    )
    return [
        Exported(Candidate("vgg19", "fp32", 0.01, 0.99, latency_ms=30.0, size_mb=94.0), other),
        Exported(Candidate("vgg16", "int8", 0.02, 0.97, latency_ms=12.5, size_mb=15.0), info),
    ]


def test_the_file_has_a_row_for_each_model(two: list[Exported], tmp_path: Path) -> None:
    comparison.write(two, two[1].candidate, tmp_path / "comparison.csv")
    table = pd.read_csv(tmp_path / "comparison.csv").set_index("backbone")
    assert table["champion"].to_dict() == {"vgg19": False, "vgg16": True}
    assert table["pareto_front"].all()
    assert table["served"].to_dict() == {"vgg19": "fp32", "vgg16": "int8"}
    assert table["val_accuracy"].to_dict() == {"vgg19": 0.99, "vgg16": 0.97}
    assert pd.isna(table["test_accuracy_int8"]["vgg19"])
    assert table["test_accuracy_int8"]["vgg16"] == 0.9
    assert table["failed_recipes"]["vgg19"] == "minmax; minmax"
    assert pd.isna(table["recipe"]["vgg19"]) and table["recipe"]["vgg16"] == "minmax"
    for name, timing in two[1].info.speed.timings.items():
        assert table[f"{name}_latency_ms"]["vgg16"] == pytest.approx(timing.latency_ms)
        assert table[f"{name}_peak_mb"]["vgg16"] == pytest.approx(timing.peak_mb)


def test_the_columns_are_those_that_scripts_read(two: list[Exported], tmp_path: Path) -> None:
    comparison.write(two[1:], None, tmp_path / "comparison.csv")
    columns = pd.read_csv(tmp_path / "comparison.csv").columns
    timings = ("latency_ms", "throughput", "cold_start_s", "peak_mb")
    assert set(columns) == {
        "backbone", "champion", "pareto_front", "served", "val_accuracy", "score",
        "test_accuracy_fp32", "test_accuracy_int8", "test_accuracy_saved_model", "recipe",
        "failed_recipes", "changed_decisions", "calibration_error_before",
        "calibration_error_after", "uncertain", "accuracy_of_the_rest", "fp32_mb", "int8_mb",
        "saved_model_mb",
        *(f"{form}_{t}" for form in ("keras", "saved_model", "fp32", "int8") for t in timings),
    }  # fmt: skip


def test_several_labels_have_columns_of_their_own(
    exported_of: Callable[[str], Path], tmp_path: Path
) -> None:
    info = bundle.find(exported_of("three")).info
    served = Candidate("vgg16", "int8", 0.02, 0.97, latency_ms=12.5, size_mb=15.0)
    comparison.write([Exported(served, info)], None, tmp_path / "comparison.csv")
    row = pd.read_csv(tmp_path / "comparison.csv").iloc[0]
    assert row["test_accuracy:gender"] == 0.9
    assert row["test_accuracy_fp32"] == pytest.approx(
        np.mean([row[f"test_accuracy:{label.name}"] for label in info.labels])
    )
    for label in info.labels:
        assert f"uncertain:{label.name}" in row and f"accuracy_of_the_rest:{label.name}" in row


def test_names_of_labels_are_no_markup(exported_of: Callable[[str], Path]) -> None:
    info = bundle.find(exported_of("three")).info
    first = info.labels[0].model_copy(update={"name": "[red]gender[/]"})
    info = info.model_copy(update={"labels": (first, *info.labels[1:])})
    served = Candidate("vgg16", "int8", 0.02, 0.97, latency_ms=12.5, size_mb=15.0)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(comparison.table([Exported(served, info)], None))
    assert "[red]gender[/]" in capture.get() and "90.00%" in capture.get()


def test_the_table_has_a_column_for_each_model(two: list[Exported]) -> None:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(comparison.table(two, two[1].candidate))
    lines = [line.strip("│┃").split("│") for line in capture.get().splitlines()]
    rows = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}
    assert rows["champion"] == ["", "yes"]
    assert rows["on the Pareto front"] == ["yes", "yes"]
    assert rows["served as"] == ["fp32", "int8"]
    assert rows["accuracy INT8"] == ["", "90.00%"]
    assert rows["ONNX INT8 ms"][0] == "" and float(rows["ONNX INT8 ms"][1]) > 0
    assert rows["MB served"] == ["94.0", "15.0"]
