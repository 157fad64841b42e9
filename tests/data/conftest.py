from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.manifest import make_manifest
from data.synthetic.writing import generate


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


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Thirty drawn portraits of ten people, all in CelebA's frame."""
    folder = generate(tmp_path_factory.mktemp("copies") / "drawn", 30)
    return sorted((folder / "img_align_celeba").iterdir())


@pytest.fixture
def classes(tmp_path: Path, picture: Callable[..., Path]) -> Path:
    """Four images: a duplicate pair with different labels, a wider one, a broken one."""
    root = tmp_path / "faces"
    picture(root / "man" / "a.png", 1)
    picture(root / "woman" / "a.png", 1)
    picture(root / "woman" / "b.png", 2, (20, 16))
    (root / "man" / "c.png").write_text("text")
    return root
