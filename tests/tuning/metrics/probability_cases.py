"""Codes and probabilities that the tests of figures share."""

import numpy as np
from scipy import special

from data import Label

HAIR = Label(name="hair", classes=("fair", "brown", "black"))


def both(second: object) -> np.ndarray:
    """The probabilities of two classes by those of the second."""
    p = np.asarray(second, dtype=float)
    return np.stack([1 - p, p], axis=1)


P = both([0.1, 0.5, 0.4, 0.8, 1.0])


def many(images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes of three classes, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, images)
    p = special.softmax(rng.normal(size=(images, 3)) + 1.5 * np.eye(3)[codes], axis=1)
    return codes, p
