"""Drawn images by which a server can see whether its processor runs a model as this one did."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from data import Framing, decode, to_square
from data.synthetic.writing import generate

FILE = "checks.png"
COUNT = 32
_DRAWN = 120
_SEED = 12


@cache
def draw(size: int, framing: Framing) -> np.ndarray:
    """Portraits of drawn people, uint8 RGB [120, size, size, 3]; the same ones each time."""
    with tempfile.TemporaryDirectory() as folder:
        portraits = generate(Path(folder) / "portraits", _DRAWN, _SEED)
        paths = sorted(portraits.rglob("*.jpg"))
        return np.stack([to_square(decode(path), size, framing) for path in paths])


def most_telling(images: np.ndarray, p_man: np.ndarray) -> np.ndarray:
    """Choose COUNT images, those first whose p_man moves most when an activation is off.

    Args:
        images: uint8 [N, size, size, 3].
        p_man: of the fp32 model, float [N]; a probability near 0 or 1 hides what is off.

    Returns:
        uint8 [n, size, size, 3], n at most COUNT.
    """
    return images[np.argsort(np.abs(p_man - 0.5), kind="stable")[:COUNT]]


def save(images: np.ndarray, path: Path) -> None:
    """Write images below each other as one PNG."""
    Image.fromarray(images.reshape(-1, *images.shape[2:])).save(path, "PNG")
