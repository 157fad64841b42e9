"""A finished run whose winner is a small real network that reads the colors of a picture.

The network makes no error, or few; some pictures of the validation and test splits are labeled
wrong, and where there are three labels some pictures lack the last.
"""

from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import layers
from PIL import Image

from data import GENDER, Label
from data.labels import MISSING, code_columns, codes_of
from data.records import write_record
from tuning.backbones.head_features import FeatureStatistics, head_features
from tuning.backbones.registry import Backbone, Stage
from tuning.backbones.transfer_model import HeadConfig, TransferModel
from tuning.backbones.weights import Weights
from tuning.runs.run_folder import RunFolder
from tuning.runs.schema import (
    Calibration,
    DataFacts,
    Hyperparameters,
    ImageFacts,
    RunConfig,
    RunMetrics,
    SplitFacts,
    WeightsOrigin,
    WinnerFacts,
)
from tuning.runs.settings import Settings
from tuning.search.winner import HeldOut, predict

RUN = Path("runs", "small")  # in the folder given to `make`
SIZE, STAGES, GRID = 64, 3, 4
SPLITS = {"train": 96, "val": 120, "test": 120}
WRONG_LABELS = {"train": 0, "val": 6, "test": 12}  # so that no figure of one split fits another
LACKING = 20  # codes of the third label, in validation and test pictures

COLOR = Label(name="main_color", classes=("gray", "red", "green", "<b>blue</b>"))
BRIGHT = Label(name="Bright", classes=("no", "yes"))
GREEN = Label(name="green|amount", classes=("0", "1", "2", "3", "4+"))
RUNS = {"gender": (GENDER,), "color": (COLOR,), "three": (GENDER, BRIGHT, GREEN)}


def make(folder: Path, name: str = "gender", backbone: str = "vgg16") -> None:
    labels = RUNS[name]
    manifest, images = _pictures(folder / "pictures", labels)
    run = RunFolder(folder / RUN)
    run.winner(backbone).parent.mkdir(parents=True)
    run.predictions(backbone).parent.mkdir(parents=True)
    manifest.to_csv(run.manifest, index=False)
    model = _trained(backbone, labels, manifest, images)
    model.save(run.winner(backbone))
    held_out = manifest[manifest["split"] != "train"]
    p = predict(model, labels, images, held_out.index.to_numpy(), lambda *_: None)
    scored = HeldOut(labels, held_out, p, p, tuple(map(Calibration.none, labels)))
    scored.table().to_csv(run.predictions(backbone), index=False)
    write_record(run.config, _config(labels, manifest))
    facts = WinnerFacts(
        backbone=backbone,
        trial="0004",
        hyperparameters=Hyperparameters(
            stages=STAGES, depth=1, grid=GRID, learning_rate=3e-3, head_units=0, dropout=0.1
        ),
        score=0.1,
        size=SIZE,
        weights=WeightsOrigin(source="none", fingerprint="w"),
        labels=scored.facts(),
        latency_ms=5.0,
        parameters=model.count_params(),
        bytes=run.winner(backbone).stat().st_size,
        seconds=20.0,
        created="2026-01-01T00:00:00+00:00",
        trained=SPLITS["train"],
    )
    run.write_winner(facts)
    run.write_metrics(RunMetrics(run=run.name, winners={backbone: facts}))


def _pictures(folder: Path, labels: tuple[Label, ...]) -> tuple[pd.DataFrame, np.ndarray]:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    rows, images = [], []
    for split, count in SPLITS.items():
        for number in range(count):
            seen = _seen(labels, number // (2 if split == "test" else 1))  # splits differ in order
            codes = list(seen)
            if number < WRONG_LABELS[split]:
                codes[0] = (codes[0] + 1) % len(labels[0].classes)
            if len(labels) == 3 and split != "train" and count - number <= LACKING:
                codes[2] = MISSING
            images.append(_picture(labels, seen, random))
            path = folder / f"{split}{number:03}.png"
            Image.fromarray(images[-1]).save(path)
            rows.append((str(path), *codes, f"{split} {number // 2}", split, number % 3 == 0))
    names = ["path", *code_columns(labels), "identity", "split", "Eyeglasses"]
    return pd.DataFrame(rows, columns=names), np.stack(images)


def _seen(labels: tuple[Label, ...], number: int) -> tuple[int, ...]:
    codes = []
    for label in labels:
        number, code = divmod(number, len(label.classes))
        codes.append(code)
    return tuple(codes)


def _picture(
    labels: tuple[Label, ...], codes: tuple[int, ...], random: np.random.Generator
) -> np.ndarray:
    picture = random.integers(0, 60, (SIZE, SIZE, 3))
    if len(codes) == 3:
        is_red, is_bright, green = codes
        picture[..., 0 if is_red else 2] += 70
        picture[..., [0, 2]] += 60 * is_bright
        picture[..., 1] += 40 * green
    elif labels == (GENDER,):
        picture[..., 0 if codes[0] else 2] += 100
    elif codes[0]:
        picture[..., codes[0] - 1] += 100
    return picture.astype(np.uint8)


def _trained(
    name: str, labels: tuple[Label, ...], manifest: pd.DataFrame, images: np.ndarray
) -> keras.Model:
    keras.utils.set_random_seed(0)
    stages = tuple(Stage(f"stage{number}", f"pool{number}") for number in range(STAGES))
    backbone = Backbone(
        name, name.upper(), _features, (123.7, 116.8, 103.9), "conv0", 0.1, stages,
        attach=(STAGES,), tunings=(),
    )  # fmt: skip
    transfer = TransferModel(backbone, SIZE, Weights("none", {}, "w"))
    train = (manifest["split"] == "train").to_numpy()
    maps = np.asarray(transfer.trunk([STAGES]).predict(images[train], verbose=0))
    statistics = FeatureStatistics.of(head_features(maps.reshape(-1, *maps.shape[-3:]), GRID))
    bias = (0.0,) * sum(label.width for label in labels)
    head = transfer.head(HeadConfig(STAGES, GRID, 0, 0.0, statistics, bias))
    model = transfer.classifier(STAGES, head, labels, list(map(Calibration.none, labels)))
    losses = {
        label.output: "binary_crossentropy"
        if label.is_binary
        else "sparse_categorical_crossentropy"
        for label in labels
    }
    targets = dict(zip(losses, codes_of(manifest)[train].T, strict=True))
    if len(labels) == 1:
        [losses], [targets] = losses.values(), targets.values()
    model.compile(keras.optimizers.Adam(0.01), losses)
    model.fit(images[train], targets, epochs=60, batch_size=16, verbose=0)
    return model


def _features(pixels: keras.KerasTensor) -> keras.KerasTensor:
    x = layers.AveragePooling2D(2)(pixels)
    for number, filters in enumerate((8, 16, 16)):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(name=f"pool{number}")(x)
    return x


def _config(labels: tuple[Label, ...], manifest: pd.DataFrame) -> RunConfig:
    splits = {
        str(split): SplitFacts(
            count=len(rows), classes=_counts(labels, rows), identities=len(rows) // 2
        )
        for split, rows in manifest.groupby("split")
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
        labels=labels,
    )  # fmt: skip


def _counts(labels: tuple[Label, ...], rows: pd.DataFrame) -> dict[str, dict[str, int]]:
    return {
        label.name: {name: int((codes == code).sum()) for code, name in enumerate(label.classes)}
        for label, codes in zip(labels, codes_of(rows).T, strict=True)
    }
