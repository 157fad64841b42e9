"""Memory does not grow with the data set; takes minutes, so it runs only when asked for."""

import sys
from pathlib import Path

import pytest
from program import peak

import data
from data import GENDER, ImageStore
from data.synthetic.writing import generate

FEW, MANY = 2_000, 20_000
PORTRAITS = 60
SIZE = 64
HEAD = 500  # images that a head is solved on: its equations take memory by their square
ROW = 3_000  # bytes of tables an image: the manifest, and copies while it is read
NOISE = 50e6  # bytes by which two runs of the same differ


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's count of anonymous memory")
def test_ten_times_the_images_need_the_same_memory(tmp_path: Path) -> None:
    few, many = (listing(tmp_path / f"{count}", count) for count in (FEW, MANY))
    for work in (decode, train):
        (less, _), (more, _) = peak(work, few), peak(work, many)
        print(f"{work.__name__}: {FEW:,} images {less:,} bytes, {MANY:,} images {more:,} bytes")
        assert more - less < ROW * (MANY - FEW) + NOISE


def listing(folder: Path, count: int) -> Path:
    """A table of `count` images that are links to a few portraits, three of each person."""
    portraits = data.load(generate(folder.parent / "portraits", PORTRAITS)).manifest
    rows = portraits.loc[[row % PORTRAITS for row in range(count)], ["path", "label"]]
    rows["image"] = [f"{row:06}.jpg" for row in range(count)]
    rows["person"] = [row // 3 for row in range(count)]
    folder.mkdir()
    for target, name in zip(rows["path"], rows["image"], strict=True):
        (folder / name).symlink_to(target)
    rows.drop(columns="path").to_csv(folder / "faces.csv", index=False)
    return folder / "faces.csv"


def decode(table: Path) -> ImageStore:
    """From a data set to the image store; it stays for `train`."""
    manifest = data.split(data.load(table).manifest)
    return data.build(manifest, SIZE, "stretch", table.parent / "store")


def train(table: Path) -> None:
    """Pass the training images up to a deep cut, and train a leg over each of them once."""
    from tuning.tensorflow_import import import_tensorflow

    import_tensorflow()
    from tuning.backbones import weights
    from tuning.backbones.registry import BACKBONES
    from tuning.progress import Progress
    from tuning.runs.schema import Hyperparameters
    from tuning.runs.settings import Settings
    from tuning.search.context import StepContext
    from tuning.search.presets import PRESETS
    from tuning.search.steps import Head, Steps, Tail, Training
    from tuning.trunk.cache import TrunkCache

    settings = Settings(data="", backbones=("googlenet",), size=SIZE, weights="none")
    context = StepContext(
        settings=settings, preset=PRESETS["quick"], labels=(GENDER,), store=decode(table),
        cache=TrunkCache(table.parent / "cache", 1 << 40),
    )  # fmt: skip
    backbone = BACKBONES["googlenet"]
    steps = Steps(context, backbone, weights.load(backbone, "none"), Progress())
    values = {"stages": 4, "grid": 1, "learning_rate": 1e-4, "head_units": 0, "dropout": 0.3}
    images = context.all_images()
    head = Hyperparameters(depth=0, **values)
    solved = steps.fit_head(Head("head", head, images.model_copy(update={"train": HEAD})))
    assert solved.tail
    tail = Tail(head, solved.tail)
    tuned = Hyperparameters(depth=1, **values)
    leg = Training(
        "leg", tuned, images, start=tail, checkpoint=None, leg=images.train, seconds=3600
    )
    steps.train(leg)
