"""A finished run whose winner is a small real network: is a picture more red or more blue?

The network makes no error; some pictures of the validation and test splits are labeled wrong.
"""

from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers
from PIL import Image

from data.records import write_record
from tuning.metrics import evaluate, uncertainty_band
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import (
    DataFacts,
    Hyperparameters,
    ImageFacts,
    RunConfig,
    RunMetrics,
    SplitFacts,
    TestScores,
    ValScores,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.runs.settings import Settings

RUN = Path("runs", "small")  # in the folder given to `make`
SIZE = 32
SPLITS = {"train": 96, "val": 120, "test": 120}
WRONG_LABELS = {"train": 0, "val": 6, "test": 12}  # so that no figure of one split fits another


def make(folder: Path, backbone: str = "vgg16") -> None:
    manifest = _pictures(folder / "pictures")
    run = RunFolder(folder / RUN)
    run.winner(backbone).parent.mkdir(parents=True)
    run.predictions(backbone).parent.mkdir(parents=True)
    manifest.to_csv(run.manifest, index=False)
    images = np.stack([np.asarray(Image.open(path)) for path in manifest["path"]])
    train = manifest["split"] == "train"
    model = _network(backbone)
    model.fit(images[train], manifest["label"][train], epochs=12, batch_size=16, verbose=0)
    model.save(run.winner(backbone))
    p_man = model.predict(images, verbose=0)[:, 0].astype(float)
    scored = manifest.assign(row=range(len(manifest)), p_man=p_man)[~train]
    scored[["row", "split", "label", "p_man"]].to_csv(run.predictions(backbone), index=False)
    write_record(run.config, _config())
    facts = _facts(backbone, scored)
    run.write_metrics(RunMetrics(run=run.name, winners={backbone: facts}))


def _pictures(folder: Path) -> pd.DataFrame:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    rows = []
    for split, count in SPLITS.items():
        for number in range(count):
            red = number // (2 if split == "test" else 1) % 2  # no two splits in one order
            label = 1 - red if number < WRONG_LABELS[split] else red
            picture = random.integers(0, 130, (SIZE, SIZE, 3))
            picture[..., 0 if red else 2] += random.integers(40, 120)
            path = folder / f"{split}{number:03}.png"
            Image.fromarray(picture.astype(np.uint8)).save(path)
            rows.append((str(path), label, f"{split} {number // 2}", split, number % 3 == 0))
    return pd.DataFrame(rows, columns=["path", "label", "identity", "split", "Eyeglasses"])


def _network(name: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    image = keras.Input((SIZE, SIZE, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1.0, offset=[-103.9, -116.8, -123.7])(image)
    for filters in (8, 16, 16):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    p_man = layers.Dense(1, activation="sigmoid", name="p_man")(x)
    model = keras.Model(image, p_man, name=name)
    model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy")
    return model


def _config() -> RunConfig:
    splits = {
        split: SplitFacts(count=count, share_man=0.5, identities=count // 2)
        for split, count in SPLITS.items()
    }
    return RunConfig(
        settings=Settings(
            data="", backbones=("vgg16",), preset="quick", size=SIZE, weights="none",
            algorithm="random",
        ),
        data=DataFacts(name="colors", synthetic=True, fingerprint="c" * 64),
        images=ImageFacts(framing="stretch", splits=splits),
        weights="none",
        versions={"keras": version("keras")},
    )  # fmt: skip


def _facts(backbone: str, scored: pd.DataFrame) -> WinnerFacts:
    val, test = (scored[scored["split"] == split] for split in ("val", "test"))
    of_val, of_test = (evaluate(*_labels_and_p(part)) for part in (val, test))
    return WinnerFacts(
        backbone=backbone,
        origin="trial",
        hyperparameters=Hyperparameters(depth=1, learning_rate=3e-3, head_units=0, dropout=0.1),
        size=SIZE,
        weights=WeightsOrigin(source="none", fingerprint="w"),
        temperature=1.0,
        band=uncertainty_band(*_labels_and_p(val)),
        val=ValScores(**dict(of_val), uncalibrated=of_val),
        test=TestScores(**dict(of_test), uncalibrated=of_test),
        created="2026-01-01T00:00:00+00:00",
    )


def _labels_and_p(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return part["label"].to_numpy(), part["p_man"].to_numpy()
