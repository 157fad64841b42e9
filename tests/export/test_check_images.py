from pathlib import Path

import numpy as np
from PIL import Image

from export import check_images
from export.forms import Form
from inference.bundle import Input, digest


def by_brightness(batch: np.ndarray) -> np.ndarray:
    return batch.mean(axis=(1, 2, 3))[:, None] / 255


def test_the_file_holds_the_images_nearest_to_the_threshold_of_fp32(tmp_path: Path) -> None:
    path = tmp_path / "checks.png"
    fp32 = Form("fp32", path, by_brightness)
    int8 = Form("int8", path, lambda batch: 1 - by_brightness(batch))
    checks = check_images.write(
        path, Input(size=16, framing="stretch"), {"int8": int8, "fp32": fp32}
    )
    images = np.asarray(Image.open(path)).reshape(-1, 16, 16, 3)
    assert len(images) == check_images.COUNT
    assert (checks.file, checks.sha256) == ("checks.png", digest(path))
    p_man = by_brightness(images)[:, 0]
    assert np.allclose(checks.expected["fp32"], p_man)
    assert np.allclose(checks.expected["int8"], 1 - p_man)
    drawn = check_images.draw(16, "stretch")
    assert len(np.unique(drawn.reshape(120, -1), axis=0)) == 120
    all_p = by_brightness(drawn)[:, 0]
    assert np.allclose(np.abs(p_man - 0.5), np.sort(np.abs(all_p - 0.5))[: len(images)])
