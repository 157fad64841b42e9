from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tiny_bundles import add_bundle

from inference import bundle


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder: the champion resnet50, and vgg16, which answers the other way round."""
    folder = tmp_path / "models"
    workshop = tmp_path / "workshop"
    workshop.mkdir()
    add_bundle(folder, workshop, "resnet50", 0.1)
    add_bundle(folder, workshop, "vgg16", -0.1, metrics={"test_accuracy": 0.91}, synthetic=True)
    bundle.write_index(folder, "resnet50", ["resnet50", "vgg16"])
    return folder


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Write a one-coloured image and return its path: red is a man to resnet50, blue a woman."""

    def write(name: str, colour: str, size: tuple[int, int] = (30, 40)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path)
        return path

    return write
