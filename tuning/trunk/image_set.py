"""The images that a trunk runs over: some rows of a store, plain or mirrored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ImageSet:
    """Some rows of an image store.

    Attributes:
        images: uint8 [N, size, size, 3], memory-mapped.
        rows: int64 [n], which of them, in order.
        fingerprint: of the store and the rows.
    """

    images: np.ndarray
    rows: np.ndarray
    fingerprint: str

    @classmethod
    def of(cls, images: np.ndarray, rows: np.ndarray, store_fingerprint: str) -> ImageSet:
        """Take `rows` of a store's images."""
        rows = np.asarray(rows, dtype=np.int64)
        digest = hashlib.sha256(store_fingerprint.encode() + rows.tobytes()).hexdigest()
        return cls(images, rows, digest)

    def __len__(self) -> int:
        return len(self.rows)


class PixelView:
    """The images themselves as a view, for the depth at which nothing is frozen: no cache needed.

    Indexed by rows as an activation array is, uint8 [n, size, size, 3].
    """

    def __init__(self, images: ImageSet, view: str) -> None:
        self._set = images
        self._mirrored = view == "mirrored"
        self.shape = (len(images), *images.images.shape[1:])
        self.dtype = images.images.dtype

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        pixels = self._set.images[self._set.rows[rows]]
        return mirror(pixels) if self._mirrored else pixels


def mirror(images: np.ndarray) -> np.ndarray:
    """Mirror images left to right, [n, height, width, channels]."""
    return images[:, :, ::-1]
