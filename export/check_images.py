"""Drawn images by which a server can see whether its processor runs a model as this one did."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from data import Framing, Label, decode, to_square
from data.synthetic.writing import generate
from export.by_label import parts
from export.forms import Form, in_batches
from inference.bundle import CheckImages, Input, Precision, digest
from tuning.metrics import confidence

FILE = "checks.png"
COUNT = 32
_DRAWN = 120
_SEED = 12


def write(
    path: Path, labels: Sequence[Label], graph_input: Input, forms: Mapping[Precision, Form]
) -> CheckImages:
    """Write the check images of a model, below each other as one PNG.

    Args:
        path: Path of the PNG file, replaced if it is there.
        labels: The labels of the model.
        graph_input: Size and framing of the model's input.
        forms: The forms that may be served, "fp32" among them.

    Returns:
        The file, and the class probabilities that each form gives for its images.
    """
    images = draw(graph_input.size, graph_input.framing)
    p = in_batches(forms["fp32"].predict, images, np.arange(len(images)))
    chosen = most_sensitive(images, labels, p)
    Image.fromarray(chosen.reshape(-1, *chosen.shape[2:])).save(path, "PNG")
    expected = {name: form.predict(chosen).clip(0, 1).tolist() for name, form in forms.items()}
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


def most_sensitive(images: np.ndarray, labels: Sequence[Label], p: np.ndarray) -> np.ndarray:
    """Choose the images whose probabilities move most when an activation is off.

    A probability near 0 or 1 hides an error, one in the middle shows it. Labels take turns.

    Args:
        images: Images, uint8 RGB [N, s, s, 3].
        labels: The labels of the model.
        p: Class probabilities of the fp32 model, float [N, K].

    Returns:
        uint8 RGB [n, s, s, 3], the most sensitive first, n at most `COUNT`.

    Example:
        >>> from data import GENDER
        >>> images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)
        >>> p = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
        >>> most_sensitive(images, [GENDER], p).ravel().tolist()
        [1, 2, 0]
    """
    unsure = [np.argsort(confidence(part), kind="stable") for _, part in parts(labels, p)]
    in_turns = dict.fromkeys(np.stack(unsure, axis=1).ravel().tolist())
    return images[list(in_turns)[:COUNT]]
