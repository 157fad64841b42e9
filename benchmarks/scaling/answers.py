"""What the command answers: what to print, and its content for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.scaling import plans, tables
from benchmarks.scaling.check import check
from benchmarks.scaling.constants import KEPT, Constants
from benchmarks.scaling.prediction import KEPT_WITHIN, predict, with_workers
from benchmarks.scaling.scenario import Scenario
from tuning.backbones.registry import BACKBONES
from tuning.runs.run_folder import RunFolder

CONSTANTS = "scaling-constants"
"""Name of the file in `artifacts/bench` that `--measure` writes."""

Answer = tuple[list[Table | str], dict[str, Any]]
"""Tables and lines to print, and the content for JSON."""


def constants_for(given: Path | None, artifacts: Path) -> tuple[Constants, str]:
    """Read the constants to predict with; returns them and a line that says whose they are.

    Args:
        given: JSON file that the user named, None for this machine's or else the project's.
        artifacts: Folder in which those of this machine lie, if they were measured.

    Raises:
        ValueError: The file holds no constants.
    """
    here = artifacts / "bench" / f"{CONSTANTS}.json"
    path = given or (here if here.exists() else KEPT)
    constants = Constants.read(path)
    whose = "the project's constants" if path == KEPT else f"constants of {path}"
    note = f"; {constants.note}" if constants.note else ""
    return constants, f"{whose}: {constants.processor}, {constants.precision}{note}"


def prediction(constants: Constants, scenario: Scenario, workers: int | None) -> Answer:
    """Predict a run, on the best number of processes where none is given.

    Args:
        constants: What was measured.
        scenario: Run and machines.
        workers: Number of processes of each node, None for the fastest.

    Raises:
        ValueError: The constants lack what the scenario needs.
    """
    _refuse(constants, scenario)
    chosen = replace(scenario, workers=workers or 1)
    if workers is None and not scenario.gpus:
        chosen = with_workers(constants, chosen)
    predicted = predict(constants, chosen)
    shown: list[Table | str] = [tables.minutes_table(predicted), *tables.lines(predicted)]
    if chosen.budget is not None and predicted.minutes > KEPT_WITHIN * chosen.budget:
        shown.append(f"this does not fit --budget {chosen.budget:g}")
    return shown, tables.content(predicted)


def checks(constants: Constants, runs: Sequence[Path], machines: Scenario) -> Answer:
    """Set predictions beside finished runs.

    Args:
        constants: What was measured, on the machine of the runs.
        runs: Folders of the runs.
        machines: Scenario with the cores, workers and nodes that the runs had.

    Raises:
        RunError: A run is not finished, or cannot be read.
    """
    checked = [check(constants, RunFolder(path), machines) for path in runs]
    content = {"constants": constants.processor, "runs": [tables.check_content(c) for c in checked]}
    return [tables.check_table(one) for one in checked], content


def all_plans(constants: Constants) -> Answer:
    """Predict the plans of docs/scaling.md.

    Args:
        constants: What was measured, of all backbones.

    Raises:
        ValueError: The constants lack a backbone or a GPU.
    """
    _refuse(constants, Scenario(images=0, size=0, backbones=tuple(BACKBONES), gpus=1))
    table = plans.markdown(constants)
    return [table], {"plans": table.splitlines()}


def _refuse(constants: Constants, scenario: Scenario) -> None:
    missing = [name for name in scenario.backbones if name not in constants.backbones]
    if missing:
        titles = ", ".join(BACKBONES[name].title for name in missing)
        raise ValueError(f"the constants lack {titles}: measure them by --measure")
    if scenario.gpus and constants.gpu is None:
        raise ValueError("the constants lack a GPU: leave --gpus out")
