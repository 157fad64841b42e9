"""What a run starts from: its data set, its decoded images, the pretrained weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import data
from data import Dataset, Distinct, ImageStore
from tuning.backbones import weights as weight_sources
from tuning.backbones.registry import BACKBONES
from tuning.backbones.weights import Weights, WeightsError
from tuning.notices import RANDOM_NOTICE
from tuning.progress import Progress
from tuning.runs.settings import Settings

SYNTHETIC = "synthetic"
"""The word of `DATA=` for the built-in portraits."""


def open_dataset(settings: Settings, artifacts: Path, progress: Progress) -> Dataset:
    """Load the run's data set; the synthetic one is drawn when it is not there yet.

    Args:
        settings: What the user chose.
        artifacts: Folder for everything a run makes.
        progress: What the user sees of it.

    Raises:
        DataError: The data set is missing, or cannot be used.
    """
    if settings.data != SYNTHETIC:
        return data.load(Path(settings.data), settings.labels, settings.split)
    from data.synthetic.writing import generate

    with progress.bar("drawing synthetic portraits") as update:
        folder = generate(artifacts / "datasets" / SYNTHETIC, seed=settings.seed, progress=update)
    return data.load(folder, settings.labels, settings.split)


@dataclass(frozen=True)
class RunImages:
    """A run's images, sampled, split and decoded.

    Attributes:
        store: Decoded images of all splits, with their manifest.
        notes: Remarks on those that were left out or look alike, a line each.
    """

    store: ImageStore
    notes: tuple[str, ...]


def prepare_images(
    settings: Settings,
    dataset: Dataset,
    artifacts: Path,
    progress: Progress,
    keep_copies: bool = False,
) -> RunImages:
    """Sample, look for copies, split and decode the run's images.

    Args:
        settings: What the user chose.
        dataset: Data set that the images are taken from.
        artifacts: Folder for everything a run makes.
        progress: What the user sees of it.
        keep_copies: Whether copies of images stay in, as in runs of a version that did not look
            for them.

    Raises:
        DataError: Too few images are left, or too many of them cannot be read.
    """
    manifest, notes = dataset.manifest, []
    if settings.drop_conflicts:
        manifest = data.drop_conflicts(manifest)
        count = len(dataset.manifest) - len(manifest)
        notes.append(f"left out because of DROP_CONFLICTS: {count:,} images")
    manifest = data.sample(manifest, settings.samples, settings.balance, settings.seed)
    if keep_copies:
        notes.append("an earlier version began this run: copies of images stay in it")
        near = None
    else:
        distinct = _distinct(manifest, dataset.root, artifacts, progress)
        manifest, near = distinct.manifest, distinct.near
        notes += distinct.notes
    manifest = data.split(manifest, seed=settings.seed, near=near)
    framing = settings.framing or dataset.framing
    with progress.bar("decoding images") as update:
        store = data.build(
            manifest, settings.size, framing, artifacts / "cache" / "images", progress=update
        )
    return RunImages(store, tuple(notes))


def _distinct(manifest: pd.DataFrame, root: Path, artifacts: Path, progress: Progress) -> Distinct:
    cache = data.cache_file(artifacts / "cache" / "hashes", root)
    with progress.bar("looking for copies") as update:
        hashes = data.hash_files(manifest["path"].tolist(), cache, update)
    return data.without_copies(manifest, data.find_copies(hashes))


def pretrained(
    settings: Settings, synthetic: bool, progress: Progress
) -> tuple[dict[str, Weights], str]:
    """Load all weights before anything is computed, so that a missing file is reported at once.

    Args:
        settings: What the user chose.
        synthetic: Whether the images are drawn portraits, which may go without ImageNet's weights.
        progress: What the user sees of it.

    Returns:
        Weights of each backbone, and the source that was really used.

    Raises:
        WeightsError: They cannot be had or do not fit.
    """
    try:
        return _load_weights(settings, settings.weights), settings.weights
    except WeightsError as error:
        if not (synthetic and settings.weights == "imagenet"):
            raise
        progress.say(f"note: {error}", style="yellow")
    progress.say(RANDOM_NOTICE, style="yellow")
    return _load_weights(settings, "none"), "none"


def _load_weights(settings: Settings, source: str) -> dict[str, Weights]:
    return {
        name: weight_sources.load(BACKBONES[name], source, settings.seed)
        for name in settings.backbones
    }
