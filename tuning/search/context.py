"""What every backbone's search works with."""

from __future__ import annotations

from dataclasses import dataclass

from data import ImageStore, Label
from tuning.progress import Progress
from tuning.runs.run_folder import RunFolder
from tuning.runs.settings import Settings
from tuning.search.presets import Preset
from tuning.trunk.cache import TrunkCache


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
