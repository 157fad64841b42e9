"""What the benchmarks measure on: images, weights, a place for what they make."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from data import ImageStore
from inference.runtime.machine import processor
from tuning.backbones.weights import Weights
from tuning.inputs import SYNTHETIC, open_dataset, prepare_images, pretrained
from tuning.progress import Progress
from tuning.runs.settings import Settings


@dataclass(frozen=True)
class Subject:
    """Images and weights, ready.

    Attributes:
        settings: what was chosen, as of a run.
        store: the decoded images; all sides read them.
        weights: of each backbone.
        folder: as the artifacts of a run with an empty trunk cache; gone at the end.
        artifacts: of real runs; data sets are found or drawn there.
        progress: what goes on, on standard error.
    """

    settings: Settings
    store: ImageStore
    weights: dict[str, Weights]
    folder: Path
    artifacts: Path
    progress: Progress

    def images(self, split: str) -> int:
        """How many of a split."""
        return int((self.store.manifest["split"] == split).sum())

    def smaller(self, samples: int) -> Subject:
        """The same with fewer images, and a cache of its own."""
        settings = self.settings.model_copy(update={"samples": samples})
        folder = self.folder / f"{samples}-images"
        store = _store(settings, self.artifacts, folder, self.progress)
        return replace(self, settings=settings, store=store, folder=folder)

    def facts(self) -> dict[str, Any]:
        """What the figures hold for."""
        splits = ("train", "val")
        return {
            **machine(),
            "settings": self.settings.model_dump(),
            "images": {split: self.images(split) for split in splits},
        }


@contextmanager
def prepared(settings: Settings, artifacts: Path) -> Iterator[Subject]:
    """Decode the images and load the weights; none of it is part of any figure.

    Raises:
        DataError, WeightsError: with a line for the user.
    """
    progress = Progress(Console(stderr=True, highlight=False))
    with _scratch(artifacts) as folder:
        store = _store(settings, artifacts, folder, progress)
        weights, source = pretrained(settings, settings.data == SYNTHETIC, progress)
        settings = settings.model_copy(update={"weights": source})
        yield Subject(settings, store, weights, folder, artifacts, progress)


@contextmanager
def _scratch(artifacts: Path) -> Iterator[Path]:
    """A folder on the disk where runs have theirs, gone at the end."""
    artifacts.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=artifacts) as folder:
        yield Path(folder).resolve()


def machine() -> dict[str, Any]:
    """Processor and number of cores."""
    return {"processor": processor(), "cores": os.cpu_count()}


def _store(settings: Settings, artifacts: Path, folder: Path, progress: Progress) -> ImageStore:
    dataset = open_dataset(settings, artifacts, progress)
    return prepare_images(settings, dataset, folder, progress).store
