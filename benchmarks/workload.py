"""What the benchmarks run on: images, weights, a folder for what they make."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from data import ImageStore, Label
from inference.runtime.machine import processor
from tuning.backbones.weights import Weights
from tuning.inputs import SYNTHETIC, open_dataset, prepare_images, pretrained
from tuning.progress import Progress
from tuning.runs.settings import Settings


@dataclass(frozen=True)
class Workload:
    """Images and weights, ready.

    Attributes:
        settings: Settings as of a run.
        store: Decoded images; all sides read them.
        label: What is learned.
        weights: Pretrained weights of each backbone.
        folder: Folder like the artifacts of a run with an empty trunk cache; gone at the end.
        artifacts: Artifacts of real runs, where data sets are found or drawn.
        progress: What goes on, on standard error.
    """

    settings: Settings
    store: ImageStore
    label: Label
    weights: dict[str, Weights]
    folder: Path
    artifacts: Path
    progress: Progress

    def images(self, split: str) -> int:
        """Return the number of images in a split.

        Args:
            split: Name of the split.
        """
        return int((self.store.manifest["split"] == split).sum())

    def smaller(self, samples: int) -> Workload:
        """Make a workload of fewer images, with a cache of its own.

        Args:
            samples: Number of images of the data set to take.
        """
        settings = self.settings.model_copy(update={"samples": samples})
        folder = self.folder / f"{samples}-images"
        store, _ = _images(settings, self.artifacts, folder, self.progress)
        return replace(self, settings=settings, store=store, folder=folder)

    def caption(self) -> str:
        """Return the numbers of images, for a table."""
        return f"{self.images('train')} training and {self.images('val')} validation images"

    def facts(self) -> dict[str, Any]:
        """Return what the figures hold for, for JSON."""
        return {
            **machine(),
            "settings": self.settings.model_dump(),
            "images": {split: self.images(split) for split in ("train", "val")},
        }


@contextmanager
def prepared(settings: Settings, artifacts: Path) -> Iterator[Workload]:
    """Decode the images and load the weights, before any clock starts.

    Args:
        settings: Settings as of a run.
        artifacts: Artifacts of real runs.

    Yields:
        The workload; its folder is gone at the end.

    Raises:
        DataError: The images cannot be read.
        WeightsError: The weights cannot be had.
    """
    progress = Progress(Console(stderr=True, highlight=False))
    with _scratch(artifacts) as folder:
        store, label = _images(settings, artifacts, folder, progress)
        weights, source = pretrained(settings, settings.data == SYNTHETIC, progress)
        settings = settings.model_copy(update={"weights": source})
        yield Workload(settings, store, label, weights, folder, artifacts, progress)


def machine() -> dict[str, Any]:
    """Return processor and number of cores, for JSON.

    Example:
        >>> machine()["cores"] == os.cpu_count()
        True
    """
    return {"processor": processor(), "cores": os.cpu_count()}


@contextmanager
def _scratch(artifacts: Path) -> Iterator[Path]:
    """A folder on the disk where runs have theirs, gone at the end."""
    artifacts.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=artifacts) as folder:
        yield Path(folder).resolve()


def _images(
    settings: Settings, artifacts: Path, folder: Path, progress: Progress
) -> tuple[ImageStore, Label]:
    dataset = open_dataset(settings, artifacts, progress)
    [label] = dataset.labels  # no setting asks for several
    return prepare_images(settings, dataset, folder, progress).store, label
