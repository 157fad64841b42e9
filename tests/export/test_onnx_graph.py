import threading
from collections.abc import Callable
from pathlib import Path

import keras
import psutil
from keras import layers

from data import GENDER
from export.convert import to_onnx

WIDTH = 2048
WEIGHTS = 4 * 4 * WIDTH**2  # bytes


def growth(work: Callable[[], None]) -> int:
    """The most memory that work had beyond what was there before, bytes."""
    process, done = psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        work()
    finally:
        done.set()
        watching.join()
    return peak - before


def test_a_conversion_holds_few_copies_of_the_weights(tmp_path: Path) -> None:
    pixels = x = keras.Input((8, 8, 3), dtype="uint8")
    x = layers.Conv2D(WIDTH, 1, activation="relu")(layers.Rescaling(1 / 255)(x))
    for _ in range(4):
        x = layers.Conv2D(WIDTH, 1, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    classifier = keras.Model(pixels, layers.Dense(1, activation="sigmoid")(x))
    file = tmp_path / "model.onnx"
    copies = growth(lambda: to_onnx(classifier, [GENDER], {}, file)) / WEIGHTS
    assert WEIGHTS < file.stat().st_size < 1.1 * WEIGHTS
    assert copies < 16
