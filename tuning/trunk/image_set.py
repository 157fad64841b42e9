"""The images that a trunk runs over: some rows of a store, each plain or mirrored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

View = Literal["plain", "mirrored"]
"""How an image is shown to a model."""

VIEWS: tuple[View, ...] = ("plain", "mirrored")
"""The views that a training draws from, the plain one first."""


DIGEST_BYTES = 16
"""Length of the digest of an image."""


@dataclass(frozen=True)
class ImageSet:
    """Some rows of an image store.

    Attributes:
        images: Images of the store, uint8 [N, size, size, 3], memory-mapped.
        rows: Rows of the store, in order, int64 [n].
        fingerprint: SHA-256 of the store's fingerprint and the rows, hex.

    Example:
        >>> pixels = np.zeros((5, 64, 64, 3), np.uint8)
        >>> len(ImageSet.of(pixels, np.array([1, 4]), "fingerprint of the store"))
        2
    """

    images: np.ndarray
    rows: np.ndarray
    fingerprint: str

    @classmethod
    def of(cls, images: np.ndarray, rows: np.ndarray, store_fingerprint: str) -> ImageSet:
        """Take some rows of a store's images.

        Args:
            images: Images of the store, uint8 [N, size, size, 3].
            rows: Rows to take, in order, int [n].
            store_fingerprint: Fingerprint of the store.
        """
        rows = np.asarray(rows, dtype=np.int64)
        digest = hashlib.sha256(store_fingerprint.encode() + rows.tobytes()).hexdigest()
        return cls(images, rows, digest)

    def __len__(self) -> int:
        return len(self.rows)

    def shards(self) -> list[ImageSet]:
        """Return the parts that pass the trunk by themselves."""
        return [self]

    @cached_property
    def digests(self) -> list[bytes]:
        """Digest of each image's pixels, by which it is known in other image sets, BLAKE2b."""
        pixels = (np.ascontiguousarray(self.images[row]).data for row in self.rows)
        return [hashlib.blake2b(image, digest_size=DIGEST_BYTES).digest() for image in pixels]


class PixelView:
    """The images themselves as a view, for the depth at which nothing is frozen: no cache needed.

    Indexed by rows as an array of activations is, uint8 [n, size, size, 3].

    Args:
        images: Rows of a store whose images are shown.
        view: How they are shown.

    Example:
        >>> pixels = np.arange(5 * 2, dtype=np.uint8).reshape(5, 1, 2, 1)
        >>> view = PixelView(ImageSet.of(pixels, np.array([1, 4]), "store"), "mirrored")
        >>> view[np.array([1])].ravel().tolist()
        [9, 8]
    """

    def __init__(self, images: ImageSet, view: View) -> None:
        self._set = images
        self._view = view
        self.shape = (len(images), *images.images.shape[1:])
        self.dtype = images.images.dtype

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return in_view(self._set.images[self._set.rows[rows]], self._view)


def in_view(images: np.ndarray, view: View) -> np.ndarray:
    """Show images as they are, or mirrored left to right.

    Args:
        images: Images, [n, height, width, channels].
        view: How to show them.

    Example:
        >>> in_view(np.array([[[[1], [2]]]]), "mirrored").tolist()
        [[[[2], [1]]]]
    """
    return images[:, :, ::-1] if view == "mirrored" else images
