"""Drawn images by which a server can see whether its processor runs a model as this one did."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from data import Framing, decode, to_square
from data.synthetic.writing import generate
from export.forms import Form, in_batches
from inference.bundle import CheckImages, Input, Precision, digest
from tuning.metrics import confidence

FILE = "checks.png"
COUNT = 32
_DRAWN = 120
_SEED = 12


def write(path: Path, graph_input: Input, forms: Mapping[Precision, Form]) -> CheckImages:
    """Write the check images of a model, below each other as one PNG.

    Args:
        path: Path of the PNG file, replaced if it is there.
        graph_input: Size and framing of the model's input.
        forms: The forms that may be served, "fp32" among them.

    Returns:
        The file, and the p_man that each form gives for its images.
    """
    images = draw(graph_input.size, graph_input.framing)
    p_man = in_batches(forms["fp32"].predict, images, np.arange(len(images)))
    chosen = most_sensitive(images, p_man)
    Image.fromarray(chosen.reshape(-1, *chosen.shape[2:])).save(path, "PNG")
    expected = {name: form.predict(chosen)[:, 0].tolist() for name, form in forms.items()}
    return CheckImages(file=path.name, sha256=digest(path), expected=expected)


@cache
def draw(size: int, framing: Framing) -> np.ndarray:
    """Draw portraits of invented people, the same ones each time.

    Args:
        size: Side of the images, pixels.
        framing: Part of a portrait that is used.

    Returns:
        uint8 RGB [120, size, size, 3].
    """
    with tempfile.TemporaryDirectory() as folder:
        portraits = generate(Path(folder) / "portraits", _DRAWN, _SEED)
        paths = sorted(portraits.rglob("*.jpg"))
        return np.stack([to_square(decode(path), size, framing) for path in paths])


def most_sensitive(images: np.ndarray, p_man: np.ndarray) -> np.ndarray:
    """Choose the images whose p_man moves most when an activation is off.

    A probability near 0 or 1 hides an error, one near 0.5 shows it.

    Args:
        images: Images, uint8 RGB [N, s, s, 3].
        p_man: Predictions of the fp32 model, float [N].

    Returns:
        uint8 RGB [n, s, s, 3], the most sensitive first, n at most `COUNT`.

    Example:
        >>> images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)
        >>> most_sensitive(images, np.array([0.1, 0.5, 0.8])).ravel().tolist()
        [1, 2, 0]
    """
    return images[np.argsort(confidence(p_man), kind="stable")[:COUNT]]
