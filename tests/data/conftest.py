from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.manifest import make_manifest


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Write a small image whose pixels depend on `seed`, at any path."""

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (12, 16)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def folder_manifest(tmp_path: Path, picture: Callable[..., Path]) -> pd.DataFrame:
    """Forty images on disk, half of them men, without identity."""
    paths = [picture(tmp_path / "images" / f"{i:02d}.png", i) for i in range(40)]
    return make_manifest([str(path) for path in paths], pd.Series([0, 1] * 20))
