"""A search so small that a test can run it: GoogLeNet at 64 px on faces in noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console

from data import ImageStore

if TYPE_CHECKING:
    from tuning.search.context import SearchContext

SIZE = 64


def small_context(folder: Path, images: int, console: Console | None = None) -> SearchContext:
    """A search of two trials, on `images` images; TensorFlow is imported here and not before."""
    from tuning.progress import Progress
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.settings import Settings
    from tuning.search.context import SearchContext
    from tuning.search.presets import Preset
    from tuning.trunk.cache import TrunkCache

    settings = Settings(data="", backbones=("googlenet",), preset="tiny", size=SIZE, weights="none")
    preset = Preset("tiny", SIZE, (1, 1), epochs=2, refit_epochs=2, patience=9, minutes=None)
    cache = TrunkCache(folder / "cache", 1 << 30)
    progress = Progress(console)
    return SearchContext(
        RunFolder(folder / "run"), settings, preset, faces(images), cache, progress
    )


def faces(train: int) -> ImageStore:
    """Bright men and dark women in noise: `train` images to learn from, 25 each to test on."""
    splits = ["train"] * train + ["val"] * 25 + ["test"] * 25
    labels = np.arange(len(splits)) % 2
    noise = np.random.default_rng(0).integers(0, 120, (len(splits), SIZE, SIZE, 3))
    images = (noise + 100 * labels[:, None, None, None]).astype(np.uint8)
    manifest = pd.DataFrame({"path": "", "label": labels, "identity": pd.NA, "split": splits})
    return ImageStore(images, manifest, (), f"faces {train}", SIZE, "stretch")
