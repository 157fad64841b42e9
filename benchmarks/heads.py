"""Which stage and grid a head in closed form is best on, and whether its folds know it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.workload import Workload
from data.labels import codes_of
from data.splits import number_people
from tuning.backbones.head_features import FeatureStatistics, head_features
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.heads.closed_form import solve
from tuning.metrics import mean_scores, probabilities
from tuning.trunk.cache import TrunkCache
from tuning.trunk.image_set import ImageSet

_CACHE_BYTES = 100 * 10**9


@dataclass(frozen=True)
class Solved:
    """A head, and what it is worth.

    Attributes:
        backbone: Name of the backbone.
        stages: Number of its stages in front of the head.
        grid: Fields along each side over which the head averages.
        features: Number of the head's features.
        penalty: Penalty that the folds chose, relative to the rows' mean squared length.
        accuracy: Accuracy on training images out of fold, on validation and on test images, 0..1.
        brier: Brier score on the same.
        seconds: Wall time from cached activations to the head.
    """

    backbone: str
    stages: int
    grid: int
    features: int
    penalty: float
    accuracy: dict[str, float]
    brier: dict[str, float]
    seconds: float


def run(workload: Workload) -> list[Solved]:
    """Solve a head behind each stage of each backbone, on each grid, on plain views.

    Args:
        workload: Images with their labels and weights.
    """
    return [head for name in workload.settings.backbones for head in _heads(workload, name)]


def table(workload: Workload, heads: Iterable[Solved]) -> Table:
    """Show what the heads are worth.

    Args:
        workload: Images and weights.
        heads: The heads.
    """
    shown = Table(
        "backbone", "stages", "grid", "% out of fold, val, test", "Brier out of fold", "seconds",
        title=f"Heads in closed form: {workload.caption()}",
    )  # fmt: skip
    for head in heads:
        shown.add_row(
            BACKBONES[head.backbone].title,
            *map(str, (head.stages, head.grid)),
            "  ".join(f"{100 * value:.2f}" for value in head.accuracy.values()),
            f"{head.brier['train']:.4f}",
            f"{head.seconds:.1f}",
        )
    return shown


def content(workload: Workload, heads: Iterable[Solved]) -> dict[str, Any]:
    """Return all figures for JSON.

    Args:
        workload: Images and weights.
        heads: The heads.
    """
    return {**workload.facts(), "heads": [asdict(head) for head in heads]}


def _heads(workload: Workload, backbone: str) -> Iterator[Solved]:
    model = TransferModel(BACKBONES[backbone], workload.settings.size, workload.weights[backbone])
    cuts = sorted(BACKBONES[backbone].attach)
    maps = {split: _maps(workload, model, split, cuts) for split in ("train", "val", "test")}
    for stages in cuts:
        for grid in model.grids(stages):
            of_stage = {split: views[stages, "plain"] for split, views in maps.items()}
            yield _solved(workload, backbone, stages, grid, of_stage)


def _maps(workload: Workload, model: TransferModel, split: str, cuts: list[int]) -> dict[Any, Any]:
    """Activations of a split's images at the cuts, by cut and view."""
    store = workload.store
    rows = np.flatnonzero(store.manifest["split"] == split)
    images = ImageSet.of(store.images, rows, store.fingerprint)
    cache = TrunkCache(workload.folder / "trunk", _CACHE_BYTES)
    return cache.activations(model, images, cuts, ["plain"], workload.progress.steps(split))


def _solved(
    workload: Workload, backbone: str, stages: int, grid: int, maps: dict[str, Any]
) -> Solved:
    labels, manifest = [workload.label], workload.store.manifest
    parts = {split: manifest[manifest["split"] == split] for split in maps}
    people = number_people(parts["train"]["identity"])
    started = perf_counter()
    features = head_features(maps["train"], grid)
    statistics = FeatureStatistics.of(features)
    statistics.standardize(features, out=features)
    head = solve(labels, features, codes_of(parts["train"]), people, workload.settings.seed)
    seconds = perf_counter() - started
    logits = {"train": head.out_of_fold}
    for split in ("val", "test"):
        held_out = statistics.standardize(head_features(maps[split], grid))
        logits[split] = held_out @ head.kernel + head.bias
    scores = {
        split: mean_scores(labels, codes_of(parts[split]), probabilities(labels, of_split))
        for split, of_split in logits.items()
    }
    return Solved(
        backbone=backbone,
        stages=stages,
        grid=grid,
        features=features.shape[1],
        penalty=head.penalties[0],
        accuracy={split: each.accuracy for split, each in scores.items()},
        brier={split: each.brier for split, each in scores.items()},
        seconds=seconds,
    )
