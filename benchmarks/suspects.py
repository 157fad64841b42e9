"""Which wrong labels are found among the first suspects, and what leaving them out is worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.workload import Workload
from data import GENDER, label_conflicts
from data.labels import codes_of
from data.splits import number_people
from tuning.backbones.head_features import FeatureStatistics, head_features
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.heads.closed_form import ClosedForm, solve
from tuning.metrics import accuracy, probabilities
from tuning.suspects.confident_learning import doubts
from tuning.suspects.left_out import without_suspects
from tuning.suspects.out_of_fold import asked
from tuning.trunk.cache import TrunkCache
from tuning.trunk.image_set import ImageSet

FIRST = 100
PLANTED = 0.03
_CACHE_BYTES = 20 * 10**9


@dataclass(frozen=True)
class Found:
    """What the suspects of one backbone's features are worth, without and with planted errors.

    Attributes:
        backbone: Name of the backbone.
        planted: Number of training labels that were made wrong.
        planted_found: Number of those among the first 100 suspects.
        planted_suspect: Number of those that are suspect, so that training leaves them out.
        contradictions: Number of training labels that contradict most photos of the same person.
        contradictions_found: Number of those among the first 100 suspects.
        suspect: Number of training labels that are suspect.
        accuracy: Test accuracy of a head in closed form on all training labels, 0..1.
        accuracy_without: The same without those that are suspect.
        seconds: Wall time of the head and of confident learning.
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
        features = _features(workload, name)
        found += [_found(workload, name, features, share) for share in (0.0, PLANTED)]
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


def _features(workload: Workload, backbone: str) -> dict[str, np.ndarray]:
    """Standardized features of training and test images for the stage that is tried first."""
    model = TransferModel(BACKBONES[backbone], workload.settings.size, workload.weights[backbone])
    cache = TrunkCache(workload.folder / "trunk", _CACHE_BYTES)
    stages = BACKBONES[backbone].attach[0]
    store, features = workload.store, {}
    for split in ("train", "test"):
        rows = np.flatnonzero(store.manifest["split"] == split)
        images = ImageSet.of(store.images, rows, store.fingerprint)
        progress = workload.progress.steps(split)
        maps = cache.activations(model, images, [stages], ["plain"], progress)[stages, "plain"]
        features[split] = head_features(maps, model.grids(stages)[-1])
    statistics = FeatureStatistics.of(features["train"])
    return {split: statistics.standardize(of_split) for split, of_split in features.items()}


def _found(
    workload: Workload, backbone: str, features: dict[str, np.ndarray], share: float
) -> Found:
    manifest, seed = workload.store.manifest, workload.settings.seed
    train = manifest[manifest["split"] == "train"]
    test_codes = codes_of(manifest[manifest["split"] == "test"])[:, 0]
    contradicting = train.index.isin(label_conflicts(manifest).index)
    codes = codes_of(train).copy()
    planted = np.random.default_rng(seed).choice(len(codes), int(share * len(codes)), replace=False)
    codes[planted] = 1 - codes[planted]
    started = perf_counter()
    people = number_people(train["identity"])
    head = solve([GENDER], features["train"], codes, people, seed)
    p = asked([GENDER], codes, people, probabilities([GENDER], head.out_of_fold))
    doubted = doubts(codes[:, 0], p)
    seconds = perf_counter() - started
    first = np.argsort(-doubted.doubt, kind="stable")[:FIRST]
    kept = without_suspects([GENDER], codes, p)
    head_without = solve([GENDER], features["train"], kept, people, seed)
    return Found(
        backbone=backbone,
        planted=len(planted),
        planted_found=int(np.isin(first, planted).sum()),
        planted_suspect=int(doubted.suspect[planted].sum()),
        contradictions=int(contradicting.sum()),
        contradictions_found=int(contradicting[first].sum()),
        suspect=int(doubted.suspect.sum()),
        accuracy=_accuracy(head, features["test"], test_codes),
        accuracy_without=_accuracy(head_without, features["test"], test_codes),
        seconds=seconds,
    )


def _accuracy(head: ClosedForm, features: np.ndarray, codes: np.ndarray) -> float:
    logits = features @ head.kernel + head.bias
    return accuracy(codes, probabilities([GENDER], logits))
