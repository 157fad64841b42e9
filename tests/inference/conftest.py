import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from predict_command import Aligned, Draw, predict
from tiny_bundles import add_models

from data import decode
from data.synthetic.writing import generate


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return add_models(tmp_path)


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Write a one-colored image and return its path: red is a man to resnet50, blue a woman."""

    def write(name: str, color: str, size: tuple[int, int] = (30, 40)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, color).save(path)
        return path

    return write


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> list[Image.Image]:
    """Six drawn faces in CelebA's framing, 178 x 218; the detector finds them like photos."""
    folder = generate(tmp_path_factory.mktemp("drawn") / "portraits", 6, seed=0)
    return [decode(path) for path in sorted(folder.rglob("*.jpg"))]


@pytest.fixture(scope="session")
def group(portraits: list[Image.Image]) -> Image.Image:
    """A picture of 900 x 640 pixels with the six portraits in two rows."""
    picture = Image.new("RGB", (900, 640), (120, 150, 120))
    for index, portrait in enumerate(portraits):
        picture.paste(portrait, (60 + index % 3 * 290, 60 + index // 3 * 300))
    return picture


@pytest.fixture
def portray(tmp_path: Path, portraits: list[Image.Image]) -> Callable[..., Path]:
    """Write a drawn face seen through colored glass and return its path; colors as in `draw`."""

    def write(name: str, color: str) -> Path:
        picture = Image.new("RGB", (400, 400), color)
        face = portraits[0].convert("L").convert("RGB")
        picture.paste(Image.blend(face, Image.new("RGB", face.size, color), 0.3), (111, 91))
        picture.save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def photos(tmp_path: Path, group: Image.Image) -> Path:
    """A folder with a group of six, an empty picture and a broken one."""
    folder = tmp_path / "photos"
    (folder / "day one").mkdir(parents=True)
    group.save(folder / "group.png")
    Image.new("RGB", (300, 200), "green").save(folder / "day one" / "empty.jpg")
    (folder / "z.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture
def aligned(models: Path) -> Aligned:
    """Run `predict` on pictures that are one face each."""
    return lambda *arguments: predict(*arguments, "--aligned", "--models", models)


@pytest.fixture
def many(draw: Draw) -> Path:
    """A folder with 600 links to one picture."""
    first = draw("many/000.png", "red")
    for index in range(1, 600):
        os.link(first, first.with_name(f"{index:03}.png"))
    return first.parent
