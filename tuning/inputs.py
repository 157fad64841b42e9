"""What a run starts from: its data set, its decoded images, the pretrained weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

import data
from data import Dataset, Distinct, FaceSearch, Framing, ImageStore
from data.manifest import DATASET
from tuning.backbones import weights as weight_sources
from tuning.backbones.registry import BACKBONES
from tuning.backbones.weights import Weights, WeightsError
from tuning.face_search import search_for_faces
from tuning.notices import RANDOM_NOTICE
from tuning.progress import Progress
from tuning.runs.run_folder import RunFolder
from tuning.runs.settings import Settings

SYNTHETIC = "synthetic"
"""The word of `DATA=` for the built-in portraits."""


def open_dataset(settings: Settings, artifacts: Path, progress: Progress) -> Dataset:
    """Load the run's data set, or several as one; the synthetic one is drawn if it is not there.

    Args:
        settings: What the user chose.
        artifacts: Folder for everything a run makes.
        progress: What the user sees of it.

    Raises:
        DataError: A data set is missing, cannot be used, or cannot be joined with the others.
    """
    return data.join(
        [
            data.load(
                _drawn(settings, artifacts, progress) if path == SYNTHETIC else path,
                settings.labels,
                settings.split,
                settings.label,
                settings.ages,
            )
            for path in data.paths_in(settings.data)
        ]
    )


def _drawn(settings: Settings, artifacts: Path, progress: Progress) -> Path:
    from data.synthetic.writing import generate

    folder = artifacts / "datasets" / SYNTHETIC
    with progress.bar("drawing synthetic portraits") as update:
        return generate(folder, seed=settings.seed, progress=update)


@dataclass(frozen=True)
class RunImages:
    """A run's images, sampled, split and decoded.

    Attributes:
        store: Decoded images of all splits, with their manifest.
        notes: Remarks on those that were left out or look alike, a line each.
        detected: Names of the data sets whose faces the detector found.
    """

    store: ImageStore
    notes: tuple[str, ...]
    detected: tuple[str, ...] = ()


def prepare_images(
    settings: Settings,
    dataset: Dataset,
    artifacts: Path,
    progress: Progress,
    run: RunFolder | None = None,
) -> RunImages:
    """Split the data set, draw the run's images of it, look for copies, and decode them.

    A run that was begun keeps the images and the split that it began with.

    Args:
        settings: What the user chose.
        dataset: Data set that the images are taken from.
        artifacts: Folder for everything a run makes.
        progress: What the user sees of it.
        run: Folder of the run; None for images of no run.

    Raises:
        DataError: Too few images are left, too many of them cannot be read, or most show no face
            where faces are searched for.
        RunError: The run's records cannot be read.
    """
    manifest, notes = _begun(run, dataset) if run else None, list[str]()
    if manifest is None:
        manifest, notes = _chosen(settings, dataset, artifacts, progress)
    framing, detected = _framing(settings, dataset)
    search = _search(manifest, detected, settings)
    with progress.bar("finding faces" if search else "decoding images") as update:
        store = data.build(
            manifest,
            settings.size,
            framing,
            artifacts / "cache" / "images",
            search=search,
            progress=update,
        )
    whole = (*notes, *_on_faces(dataset, detected, store), *_on_shares(dataset, store))
    return RunImages(store, whole, detected)


def images_of(run: RunFolder, cache: Path) -> ImageStore:
    """Open the images of a run once more; what is gone from the cache is made again.

    Args:
        run: Folder of the run.
        cache: Folder of image stores.

    Raises:
        RunError: The run cannot be read.
        DataError: Its images cannot be read.
    """
    config, manifest = run.read_config(), data.read_manifest(run.manifest)
    size, facts = config.settings.size, config.images
    kept = data.reopen(manifest, size, facts.framing, cache, config.data.fingerprint)
    search = None if kept else _search(manifest, facts.detected, config.settings)
    return kept or data.build(manifest, size, facts.framing, cache, search=search)


def _begun(run: RunFolder, dataset: Dataset) -> pd.DataFrame | None:
    """The rows that a run began with, in its own split; None if it is new, or the data lack some.

    Labels, people and parts that the data set gives are those of now, so that a change is seen.
    """
    if not (run.config.exists() and run.manifest.exists()):
        return None
    before = data.read_manifest(run.manifest)
    left_out = [path for path, _ in run.read_config().images.broken]
    now = dataset.manifest[dataset.manifest["path"].isin([*before["path"], *left_out])]
    if not before["path"].duplicated().any():
        now = now.drop_duplicates("path")
    now = now.reset_index(drop=True)
    kept = ~now["path"].isin(left_out)
    if now["path"][kept].tolist() != before["path"].tolist():
        return None
    split = now["split"].where(~kept, before["split"].set_axis(now.index[kept]))
    return now.assign(split=now["split"].fillna(split))


def _chosen(
    settings: Settings, dataset: Dataset, artifacts: Path, progress: Progress
) -> tuple[pd.DataFrame, list[str]]:
    """The images of a new run, split, and remarks on those that were left out."""
    with progress.doing("splitting the data set"):
        parts, notes = data.split_each(data.parts_of(dataset), settings.seed), []
    if settings.drop_conflicts:
        parts = tuple(
            replace(part, manifest=data.drop_conflicts(part.manifest, part.labels))
            for part in parts
        )
        count = len(dataset.manifest) - sum(len(part.manifest) for part in parts)
        notes.append(f"left out of training because of DROP_CONFLICTS: {count:,} images")
    tested = None if settings.split == "official" else data.MOST_TESTED
    manifest = data.sample_each(parts, settings.samples, settings.balance, settings.seed, tested)
    distinct = _distinct(settings, manifest, parts, artifacts, progress)
    data.require_all_classes(distinct.manifest, dataset.labels)
    return distinct.manifest, [*notes, *distinct.notes]


def _distinct(
    settings: Settings,
    manifest: pd.DataFrame,
    parts: Sequence[Dataset],
    artifacts: Path,
    progress: Progress,
) -> Distinct:
    each = []
    with progress.bar("looking for copies") as update:
        for part, rows in zip(parts, data.rows_of_each(manifest, parts), strict=True):
            cache = data.cache_file(artifacts / "cache" / "hashes", part.root)
            each.append(data.hash_files(manifest["path"][rows].tolist(), cache, update))
    copies = data.find_copies(data.Hashes.stacked(each))
    if settings.split == "official":
        return data.with_copies(manifest, copies, parts[0].labels)
    distinct = data.without_copies(manifest, copies, parts[0].labels, _dealt(manifest, parts))
    if len(parts) > 1:
        distinct = data.without_shared_pictures(distinct)
    return data.in_one_part(distinct, _dealt(distinct.manifest, parts))


def _dealt(manifest: pd.DataFrame, parts: Sequence[Dataset]) -> np.ndarray:
    """Whether the part of each row was made by us, bool [N]."""
    if len(parts) == 1:
        return np.full(len(manifest), parts[0].dealt)
    return manifest[DATASET].isin([part.name for part in parts if part.dealt]).to_numpy(bool)


def _framing(settings: Settings, dataset: Dataset) -> tuple[Framing, tuple[str, ...]]:
    """What is cut out of the images, and the data sets whose faces are found first."""
    parts = data.parts_of(dataset)
    if settings.framing == "detect":
        return "face", tuple(part.name for part in parts)
    if settings.framing is not None:
        return settings.framing, ()
    return "face", tuple(part.name for part in parts if part.framing != "face")


def _search(
    manifest: pd.DataFrame, detected: Sequence[str], settings: Settings
) -> FaceSearch | None:
    if not detected:
        return None
    rows = np.ones(len(manifest), bool)
    if DATASET in manifest:
        rows = manifest[DATASET].isin(detected).to_numpy(bool)
    return search_for_faces(rows, guess=settings.framing is None)


def _on_faces(dataset: Dataset, detected: Sequence[str], store: ImageStore) -> Iterator[str]:
    if not detected:
        return
    yield f"faces of {', '.join(detected)} are found and aligned first, as when serving"
    aligned = [part.name for part in data.parts_of(dataset) if part.name not in detected]
    if aligned:
        yield f"images of {', '.join(aligned)} are aligned as they are (FRAMING=face)"
    if store.faceless:
        yield f"left out: {store.faceless:,} images without a face, or with a poor one alone"
    if store.guessed:
        yield (
            f"{store.guessed:,} images without a face, or with a poor one alone, are used all the "
            "same, cropped to the middle or to the poor one; FRAMING=detect leaves them out, "
            "FRAMING=crop or stretch takes all images as they are"
        )


def _on_shares(dataset: Dataset, store: ImageStore) -> Iterator[str]:
    """How many images of each data set are used, where there are several."""
    parts = data.parts_of(dataset)
    if len(parts) == 1:
        return
    used = store.manifest[DATASET].value_counts()
    each = (f"{part.name} {used.get(part.name, 0):,} of {len(part.manifest):,}" for part in parts)
    yield f"images in use: {', '.join(each)}"


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
