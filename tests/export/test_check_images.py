from pathlib import Path

import numpy as np
from PIL import Image

from data import GENDER, Label
from export import check_images
from export.forms import Form
from inference.bundle import Input, digest


def by_brightness(batch: np.ndarray) -> np.ndarray:
    p_man = batch.mean(axis=(1, 2, 3))[:, None] / 255
    return np.hstack([1 - p_man, p_man])


def test_the_file_holds_the_images_nearest_to_the_threshold_of_fp32(tmp_path: Path) -> None:
    path = tmp_path / "checks.png"
    fp32 = Form("fp32", path, by_brightness)
    int8 = Form("int8", path, lambda batch: 1 - by_brightness(batch))
    checks = check_images.write(
        path, [GENDER], Input(size=16, framing="stretch"), {"int8": int8, "fp32": fp32}
    )
    images = np.asarray(Image.open(path)).reshape(-1, 16, 16, 3)
    assert len(images) == check_images.COUNT
    assert (checks.file, checks.sha256) == ("checks.png", digest(path))
    p = by_brightness(images)
    assert np.allclose(checks.expected["fp32"], p)
    assert np.allclose(checks.expected["int8"], 1 - p)
    drawn = check_images.draw(16, "stretch")
    assert len(np.unique(drawn.reshape(120, -1), axis=0)) == 120
    all_p = by_brightness(drawn)[:, 1]
    assert np.allclose(np.abs(p[:, 1] - 0.5), np.sort(np.abs(all_p - 0.5))[: len(images)])


def test_labels_take_turns_with_the_images_that_show_most_of_them() -> None:
    hair = Label(name="hair", classes=("fair", "brown", "black"))
    of_hair = np.array([[0.3, 0.3, 0.4], [0.9, 0.1, 0], [0.5, 0.5, 0], [1, 0, 0]])
    p = np.hstack([of_hair, [[1, 0], [0.9, 0.1], [0.45, 0.55], [0.6, 0.4]]])
    images = np.arange(4, dtype=np.uint8)
    assert check_images.most_sensitive(images, [hair, GENDER], p).tolist() == [0, 2, 3, 1]


def test_a_softmax_that_rounds_above_one_is_kept_as_one(tmp_path: Path) -> None:
    fp32 = Form("fp32", tmp_path, lambda batch: np.tile([-1e-7, 1 + 1e-7], (len(batch), 1)))
    checks = check_images.write(
        tmp_path / "checks.png", [GENDER], Input(size=16, framing="stretch"), {"fp32": fp32}
    )
    assert set(checks.expected["fp32"]) == {(0.0, 1.0)}
