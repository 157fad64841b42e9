"""What a backbone's search works with: in any process, and in the driver of a run."""

from __future__ import annotations

from dataclasses import dataclass

from data import ImageStore, Label
from tuning.progress import Progress
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import SearchImages
from tuning.runs.settings import Settings
from tuning.search.presets import Preset
from tuning.search.sample import sample_rows
from tuning.trunk.cache import TrunkCache
from tuning.trunk.image_set import ImageSet


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """What the steps of every backbone's search work with, in whichever process.

    Attributes:
        settings: What the user chose.
        preset: How much is tried.
        labels: Labels that are learned, with a code column each in the store's manifest.
        store: Decoded images of the run.
        cache: Cache of the frozen trunks' activations.
    """

    settings: Settings
    preset: Preset
    labels: tuple[Label, ...]
    store: ImageStore
    cache: TrunkCache

    def images(self, split: str, count: int | None = None) -> ImageSet:
        """Return the images of a split, or a sample of them.

        Args:
            split: Name of the split, "train", "val" or "test".
            count: Number of images, see `tuning.search.sample`; None for all.
        """
        rows = sample_rows(self.store.manifest, split, count, self.settings.seed)
        store = self.store
        return ImageSet.of(store.images, rows, store.fingerprint, store.digests)

    def count(self, split: str) -> int:
        """Return the number of images of a split.

        Args:
            split: Name of the split, "train", "val" or "test".
        """
        return int((self.store.manifest["split"] == split).sum())

    def all_images(self) -> SearchImages:
        """Return all training and validation images, in both views."""
        return SearchImages(train=self.count("train"), val=self.count("val"), views=2)


@dataclass(frozen=True, kw_only=True)
class SearchContext(StepContext):
    """What every backbone's search works with in the driver, which alone writes the run's folder.

    Attributes:
        run: Folder of the run.
        progress: What the user sees of the search.
    """

    run: RunFolder
    progress: Progress
