"""Data sets of a few small images, as the tests of the formats need them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from data import load
from data.manifest import make_manifest


def saved(image: Image.Image, path: Path, **options: int) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return str(path)


Picture = Callable[..., Path]


NAMES = [f"{number:06d}.jpg" for number in range(1, 7)]


MALE = [1, -1, 1, -1, 1, -1]


def celeba_csv(root: Path, names: list[str] = NAMES) -> None:
    root.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame({"image_id": names, "Eyeglasses": 1, "Male": MALE[: len(names)]})
    table.to_csv(root / "list_attr_celeba.csv", index=False)


def write_images(folder: Path, picture: Picture, names: list[str] = NAMES) -> None:
    for seed, name in enumerate(names):
        picture(folder / name, seed)


def table_of(folder: Path, picture: Picture, column: str, labels: dict[str, object]) -> Path:
    """A table of images that are there."""
    write_images(folder, picture, list(labels))
    rows = "".join(f"{name},{label}\n" for name, label in labels.items())
    (folder / "faces.csv").write_text(f"file,{column}\n{rows}")
    return folder / "faces.csv"


def labels_and_notes(path: Path, labels: str = "") -> tuple[dict[str, int], str]:
    """Labels by file name, and the notes in one text."""
    dataset = load(path, labels)
    names = dataset.manifest["path"].map(lambda path: Path(path).name)
    found = dict(zip(names, dataset.manifest["label"].tolist(), strict=True))
    return found, "\n".join(dataset.notes)


def manifest_of(
    labels: list[int], identity: list[str | None] | None = None, parts: list[str] | None = None
) -> pd.DataFrame:
    return make_manifest(
        [f"/x/{row}.jpg" for row in range(len(labels))],
        pd.Series(labels),
        identity=pd.Series(identity) if identity else None,
        split=pd.Series(parts) if parts else None,
    )


def crowd(people: int, seed: int = 0) -> pd.DataFrame:
    """People with 1 to 30 photos each, most with few, 42 % of them men."""
    rng = np.random.default_rng(seed)
    photos = np.minimum(rng.geometric(0.3, people), 30)
    labels = (rng.uniform(size=people) < 0.42).astype(int)
    names = [str(person) for person in range(people)]
    return manifest_of(
        np.repeat(labels, photos).tolist(), np.repeat(np.array(names), photos).tolist()
    )
