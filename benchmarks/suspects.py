"""Which wrong labels are found among the first suspects, and what leaving them out is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.workload import Workload
from data import GENDER, label_conflicts
from data.labels import codes_of, decisions
from data.splits import number_people
from tuning.backbones.head_features import FeatureStatistics, head_features
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.heads import closed_form
from tuning.metrics import probabilities
from tuning.search.known_ground import heads
from tuning.suspects.confident_learning import doubts
from tuning.suspects.left_out import without_suspects
from tuning.trunk.cache import TrunkCache
from tuning.trunk.image_set import VIEWS, ImageSet

FIRST = 100
PLANTED = 0.03
_CACHE_BYTES = 20 * 10**9

Solve = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Function of the training codes, int [n, 1], that returns class probabilities, float64: of the
training images out of fold and of the test images."""


@dataclass(frozen=True)
class Found:
    """What the suspects of one backbone's head are worth, without and with planted errors.

    Attributes:
        backbone: Name of the backbone.
        planted: Number of training labels that were made wrong.
        planted_found: Number of those among the first 100 suspects.
        planted_suspect: Number of those that are suspect, so that training leaves them out.
        contradictions: Number of training labels that contradict most photos of the same person.
        contradictions_found: Number of those among the first 100 suspects.
        suspect: Number of training labels that are suspect.
        accuracy: Test accuracy of the closed-form head that learned all training labels, 0..1.
        accuracy_without: The same without those that are suspect.
        seconds: Wall time of the closed-form head and confident learning.
    """

    backbone: str
    planted: int
    planted_found: int
    planted_suspect: int
    contradictions: int
    contradictions_found: int
    suspect: int
    accuracy: float
    accuracy_without: float
    seconds: float


def run(workload: Workload) -> list[Found]:
    """Measure each backbone of a workload on gender, with the labels as they are and with errors.

    Args:
        workload: Images with their labels and weights.
    """
    found = []
    for name in workload.settings.backbones:
        solve = _solver(workload, name)
        found += [_found(workload, name, solve, share) for share in (0.0, PLANTED)]
    return found


def table(workload: Workload, found: Iterable[Found]) -> Table:
    """Show what was found.

    Args:
        workload: Images and weights.
        found: Figures of each backbone.
    """
    shown = Table(
        "backbone", "planted", f"of them in first {FIRST}", "of them suspect", "contradictions",
        f"of them in first {FIRST}", "suspect", "test accuracy", "without suspects", "seconds",
        title=f"Suspect labels: {workload.caption()}",
    )  # fmt: skip
    for row in found:
        shown.add_row(
            BACKBONES[row.backbone].title,
            *map(str, (row.planted, row.planted_found, row.planted_suspect)),
            *map(str, (row.contradictions, row.contradictions_found, row.suspect)),
            f"{100 * row.accuracy:.2f} %",
            f"{100 * row.accuracy_without:.2f} %",
            f"{row.seconds:.1f}",
        )
    return shown


def content(workload: Workload, found: Iterable[Found]) -> dict[str, Any]:
    """Return all figures for JSON.

    Args:
        workload: Images and weights.
        found: Figures of each backbone.
    """
    return {**workload.facts(), "found": [asdict(row) for row in found]}


def _solver(workload: Workload, name: str) -> Solve:
    """Return how the search solves the head behind a backbone's most promising stage."""
    backbone, settings, store = BACKBONES[name], workload.settings, workload.store
    cache = TrunkCache(workload.folder / "trunk", _CACHE_BYTES)
    model = TransferModel(backbone, settings.size, workload.weights[name], settings.policy)
    stages = backbone.attach[0]
    grid = heads(backbone.attach, {s: model.grids(s) for s in backbone.attach})[0]["grid"]
    features = {}
    for split in ("train", "test"):
        rows = np.flatnonzero(store.manifest["split"] == split)
        images = ImageSet.of(store.images, rows, store.fingerprint)
        show = workload.progress.steps(split)
        passed = cache.activations(model, images, [stages], VIEWS[:1], show)
        features[split] = head_features(passed[stages, VIEWS[0]], int(grid))
    statistics = FeatureStatistics.of(features["train"])
    train, test = (statistics.standardize(features[split]) for split in ("train", "test"))
    people = number_people(store.manifest["identity"][store.manifest["split"] == "train"])
    return partial(_solve, train, test, people, settings.seed)


def _solve(
    train: np.ndarray, test: np.ndarray, people: np.ndarray, seed: int, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    solved = closed_form.solve([GENDER], train, codes, people, seed)
    logits = test @ solved.kernel + solved.bias
    return probabilities([GENDER], solved.out_of_fold), probabilities([GENDER], logits)


def _found(workload: Workload, backbone: str, solve: Solve, share: float) -> Found:
    manifest, seed = workload.store.manifest, workload.settings.seed
    train = manifest[manifest["split"] == "train"]
    test_codes = codes_of(manifest[manifest["split"] == "test"])[:, 0]
    contradicting = train.index.isin(label_conflicts(manifest).index)
    codes = codes_of(train).copy()
    planted = np.random.default_rng(seed).choice(len(codes), int(share * len(codes)), replace=False)
    codes[planted] = 1 - codes[planted]
    started = perf_counter()
    p, of_test = solve(codes)
    doubted = doubts(codes[:, 0], p)
    seconds = perf_counter() - started
    first = np.argsort(-doubted.doubt, kind="stable")[:FIRST]
    _, of_test_without = solve(without_suspects([GENDER], codes, p))
    return Found(
        backbone=backbone,
        planted=len(planted),
        planted_found=int(np.isin(first, planted).sum()),
        planted_suspect=int(doubted.suspect[planted].sum()),
        contradictions=int(contradicting.sum()),
        contradictions_found=int(contradicting[first].sum()),
        suspect=int(doubted.suspect.sum()),
        accuracy=_accuracy(of_test, test_codes),
        accuracy_without=_accuracy(of_test_without, test_codes),
        seconds=seconds,
    )


def _accuracy(p: np.ndarray, codes: np.ndarray) -> float:
    return float((decisions(p) == codes).mean())
