"""A finished run whose winner is a small real network: is a picture more red or more blue?"""

import json
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers
from PIL import Image

from tuning.metrics import evaluate, uncertainty_band
from tuning.runs.run_folder import RunFolder

SIZE = 32
SPLITS = {"train": 96, "val": 120, "test": 120}


def make(folder: Path, backbone: str = "vgg16") -> RunFolder:
    manifest = _pictures(folder / "pictures")
    run = RunFolder(folder / "runs" / "small")
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
    run.config.write_text(json.dumps(_config(manifest)))
    run.metrics.write_text(json.dumps({"winners": {backbone: _facts(backbone, scored)}}))
    return run


def _pictures(folder: Path) -> pd.DataFrame:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    rows = []
    for split, count in SPLITS.items():
        for number in range(count):
            label = number % 2
            picture = random.integers(0, 130, (SIZE, SIZE, 3))
            picture[..., 2 * (1 - label)] += random.integers(40, 120)
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


def _config(manifest: pd.DataFrame) -> dict:
    counts = manifest["split"].value_counts()
    return {
        "settings": {
            "size": SIZE,
            "seed": 0,
            "samples": None,
            "preset": "quick",
            "algorithm": "random",
            "weights": "none",
        },
        "data": {"name": "colours", "synthetic": True, "fingerprint": "c" * 64},
        "images": {
            "framing": "stretch",
            "splits": {split: {"count": int(counts[split])} for split in SPLITS},
        },
        "versions": {"keras": version("keras")},
    }


def _facts(backbone: str, scored: pd.DataFrame) -> dict:
    figures = {}
    for split in ("val", "test"):
        part = scored[scored["split"] == split]
        figures[split] = evaluate(part["label"].to_numpy(), part["p_man"].to_numpy())
        figures[split]["uncalibrated"] = dict(figures[split])
    val = scored[scored["split"] == "val"]
    band = uncertainty_band(val["label"].to_numpy(), val["p_man"].to_numpy())
    return {
        "backbone": backbone,
        "size": SIZE,
        "hyperparameters": {"depth": 1, "learning_rate": 3e-3},
        "weights": {"source": "none", "fingerprint": "w"},
        "temperature": 1.0,
        "band": {**vars(band)},
        "created": "2026-01-01T00:00:00+00:00",
        **figures,
    }
