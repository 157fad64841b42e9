"""The plans of docs/scaling.md: CelebA-full and a million faces, as a table in Markdown."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.scaling.constants import Constants
from benchmarks.scaling.prediction import Prediction, predict, with_workers
from benchmarks.scaling.scenario import Scenario
from tuning.backbones.registry import BACKBONES

_CELEBA, _MILLION = 202_599, 1_000_000
_DAY = 24 * 60.0


def _scenarios() -> list[tuple[str, Scenario]]:
    named = []
    for size in (96, 160):
        celeba = Scenario(images=_CELEBA, size=size, backbones=tuple(BACKBONES))
        machines = {
            "2 cores": celeba,
            "2 cores, a day": replace(celeba, budget=_DAY),
            "8 cores": replace(celeba, cores=8),
            "8 cores, a day": replace(celeba, cores=8, budget=_DAY),
            "3 nodes of 8 cores": replace(celeba, cores=8, nodes=3, cache_gb=100),
            "3 nodes of 8 cores, a day": replace(
                celeba, cores=8, nodes=3, cache_gb=100, budget=_DAY
            ),
            "1 GPU": replace(celeba, cores=8, gpus=1, cache_gb=200),
        }
        named += [(f"CelebA, {size} px, {name}", one) for name, one in machines.items()]
    million = Scenario(images=_MILLION, size=96, backbones=tuple(BACKBONES), cache_gb=2000)
    gpus = replace(million, cores=64, gpus=8)
    nodes = replace(million, cores=16, nodes=64)
    return [
        *named,
        ("a million, 96 px, 8 GPUs", gpus),
        ("a million, 96 px, 64 nodes of 16 cores", nodes),
        ("a million, 96 px, 64 nodes of 16 cores, a day", replace(nodes, budget=_DAY)),
    ]


def markdown(constants: Constants) -> str:
    """Predict the plans, a row each.

    Args:
        constants: What was measured.

    Example:
        >>> from benchmarks.scaling.constants import kept
        >>> markdown(kept()).splitlines()[0]
        '| run | WORKERS | hours | passes | trials | refit | search on | disk | network |'
    """
    lines = [
        "| run | WORKERS | hours | passes | trials | refit | search on | disk | network |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for title, scenario in _scenarios():
        chosen = scenario if scenario.gpus else with_workers(constants, scenario)
        lines.append(_row(title, predict(constants, chosen)))
    return "\n".join(lines)


def _row(title: str, predicted: Prediction) -> str:
    path, searched = (
        predicted.schedule.path(),
        [plan.images.train for plan in predicted.plans.values()],
    )
    hours = (f"{path.get(part, 0) / 3600:,.1f}" for part in ("trunk pass", "trials", "refit"))
    gigabytes = (f"{sum(of.values()) / 1e9:,.0f} GB" for of in (predicted.disk, predicted.sent))
    low, high = min(searched), max(searched)
    images = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    workers = "" if predicted.scenario.gpus else str(predicted.scenario.workers)
    whole = f"{predicted.minutes / 60:,.1f}"
    return f"| {' | '.join([title, workers, whole, *hours, images, *gigabytes])} |"
