"""What every backbone's search works with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data import ImageStore, Label
from tuning.progress import Progress
from tuning.runs.run_folder import RunFolder
from tuning.runs.settings import Settings
from tuning.search.presets import Preset
from tuning.trunk.cache import TrunkCache
from tuning.trunk.image_set import ImageSet


@dataclass(frozen=True)
class SearchContext:
    """What every backbone's search works with.

    Attributes:
        run: Folder of the run.
        settings: What the user chose.
        preset: How much is tried.
        store: Decoded images of the run.
        labels: Labels that are learned, with a code column each in the store's manifest.
        cache: Cache of the frozen trunks' activations.
        progress: What the user sees of the search.
    """

    run: RunFolder
    settings: Settings
    preset: Preset
    store: ImageStore
    labels: tuple[Label, ...]
    cache: TrunkCache
    progress: Progress

    def images(self, split: str) -> ImageSet:
        """Return the images of a split.

        Args:
            split: Name of the split, "train", "val" or "test".
        """
        rows = np.flatnonzero(self.store.manifest["split"] == split)
        return ImageSet.of(self.store.images, rows, self.store.fingerprint)
