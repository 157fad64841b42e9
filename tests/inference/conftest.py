from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tiny_bundles import add_models


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return add_models(tmp_path)


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Write a one-coloured image and return its path: red is a man to resnet50, blue a woman."""

    def write(name: str, colour: str, size: tuple[int, int] = (30, 40)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    return write
