"""What a prediction and a check look like on a terminal, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from benchmarks.scaling.check import Check, parts
from benchmarks.scaling.constants import Constants
from benchmarks.scaling.prediction import PARTS, Plan, Prediction
from benchmarks.scaling.scenario import Scenario
from tuning.backbones.registry import BACKBONES


def minutes_table(prediction: Prediction) -> Table:
    """Make the table of minutes by part.

    Args:
        prediction: What was predicted.
    """
    path, work = prediction.schedule.path(), prediction.schedule.work()
    table = Table(title=_title(prediction.scenario), title_justify="left")
    table.add_column("part")
    table.add_column("min on the way", justify="right")
    table.add_column("slot-min in all", justify="right")
    for part in PARTS:
        if part in work:
            table.add_row(part, _minutes(path.get(part, 0.0)), _minutes(work[part]))
    table.add_section()
    table.add_row("sum", _minutes(60 * prediction.minutes), _minutes(sum(work.values())))
    return table


def lines(prediction: Prediction) -> list[str]:
    """Say what is trained, what it needs and what limits it.

    Args:
        prediction: What was predicted.
    """
    scenario = prediction.scenario
    path = prediction.schedule.path()
    longest = max(path, key=lambda part: path[part])
    said = [
        f"limit: {longest}, {path[longest] / sum(path.values()):.0%} of the way; "
        f"the slots work {prediction.busy:.0%} of the time",
        f"disk: {_gigabytes(prediction.disk)}",
    ]
    if scenario.nodes > 1 and not scenario.shared:
        said.append(f"network: {_gigabytes(prediction.sent)}")
    for name, plan in prediction.plans.items():
        said.append(f"{BACKBONES[name].title}: {_plan(plan, BACKBONES[name].max_depth)}")
    return said


def check_table(checked: Check) -> Table:
    """Make the table of predicted and measured seconds.

    Args:
        checked: A prediction beside a measurement.
    """
    predicted, with_trials = parts(checked.predicted), parts(checked.with_trials)
    table = Table(title=f"{checked.run}: {_title(checked.predicted.scenario)}")
    for heading in ("seconds", "predicted", "of its trials", "measured", "ratio"):
        table.add_column(heading, justify="left" if heading == "seconds" else "right")
    for part in [part for part in predicted if part in checked.measured]:
        _add_check(table, part, predicted[part], with_trials.get(part, 0.0), checked.measured[part])
    table.add_section()
    sums = (sum(predicted.values()), sum(with_trials.values()), checked.seconds)
    _add_check(table, "sum", *sums)
    return table


def content(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction for JSON.

    Args:
        prediction: What was predicted.
    """
    scenario = prediction.scenario
    chosen = vars(scenario) | {"preset": scenario.preset.name}
    return {
        "scenario": chosen,
        "minutes": prediction.minutes,
        "seconds_on_the_way": prediction.schedule.path(),
        "slot_seconds": prediction.schedule.work(),
        "busy": prediction.busy,
        "bytes_on_disk": dict(prediction.disk),
        "bytes_sent": dict(prediction.sent),
        "plans": {
            name: vars(plan)
            | {"images": plan.images.model_dump(), "refit_way": vars(plan.refit_way)}
            for name, plan in prediction.plans.items()
        },
    }


def check_content(checked: Check) -> dict[str, Any]:
    """Return a check for JSON.

    Args:
        checked: A prediction beside a measurement.
    """
    return {
        "run": checked.run,
        "predicted": content(checked.predicted),
        "with_its_trials": content(checked.with_trials),
        "measured_seconds": dict(checked.measured),
        "seconds": checked.seconds,
    }


def constants_table(constants: Constants) -> Table:
    """Make the table of what a backbone costs.

    Args:
        constants: What was measured.
    """
    low, high = constants.sizes
    table = Table(title=f"{constants.processor}, one core, {constants.precision}")
    table.add_column("ms an image")
    for heading in (f"pass {low} px", f"pass {high} px", "step by depth, from 1", "serial share"):
        table.add_column(heading, justify="right")
    for name, of in constants.backbones.items():
        steps = (f"{1000 * one.step.seconds(high, 1):.1f}" for one in of.depths[1:])
        shares = f"{of.forward.serial:.2f}, {of.depths[-1].step.serial:.2f}"
        passes = (f"{1000 * of.forward.seconds(size, 1):.1f}" for size in (low, high))
        table.add_row(BACKBONES[name].title, *passes, " ".join(steps), shares)
    return table


def _add_check(
    table: Table, part: str, predicted: float, with_trials: float, measured: float
) -> None:
    ratio = f"{predicted / measured:.2f}" if measured else ""
    table.add_row(part, f"{predicted:.1f}", f"{with_trials:.1f}", f"{measured:.1f}", ratio)


def _title(scenario: Scenario) -> str:
    machine = f"{scenario.gpus} GPUs" if scenario.gpus else f"{scenario.cores} cores"
    processes = "" if scenario.gpus else f", WORKERS={scenario.workers}"
    return (
        f"{scenario.images:,} images of {scenario.size} px, {len(scenario.backbones)} "
        f"backbones, {scenario.preset.name}; {scenario.nodes} x {machine}{processes}"
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.1f}"


def _gigabytes(sizes: Mapping[str, float]) -> str:
    each = ", ".join(f"{name} {size / 1e9:,.1f}" for name, size in sizes.items())
    return f"{sum(sizes.values()) / 1e9:,.1f} GB ({each})"


def _plan(plan: Plan, max_depth: int) -> str:
    counted = Counter(plan.depths).items()
    trials = ", ".join(f"{count} at depth {depth}" for depth, count in sorted(counted))
    pixels = sorted({d for d in plan.depths if d < max_depth and not plan.images.cached(d)})
    from_pixels = f" (from pixels at {', '.join(map(str, pixels))})" if pixels else ""
    way = "from pixels" if not plan.refit_way.views and plan.winner_depth < max_depth else ""
    return (
        f"trials on {plan.images.train:,} images: {trials}{from_pixels}; refit on all of "
        f"{plan.refit_epochs:.1f} epochs {way}".rstrip()
    )
