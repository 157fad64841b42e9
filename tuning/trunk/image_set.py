"""The images that a trunk runs over: some rows of a store, each plain or mirrored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from data.image_shards import digests_of
from data.rows import Rows, shards_of

View = Literal["plain", "mirrored"]
"""How an image is shown to a model."""

VIEWS: tuple[View, ...] = ("plain", "mirrored")
"""The views that a training draws from, the plain one first."""


DIGEST_BYTES = 16
"""Length of the digest of an image."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Some rows of an image store.

    Attributes:
        images: Images of the store, uint8 [N, size, size, 3], memory-mapped.
        rows: Rows of the store, in order, int64 [n].
        fingerprint: SHA-256 of the store's fingerprint and the rows, hex; of a shard that of its
            set and its place there.
        store_digests: Digests of all images of the store, as `digests` has them; None where the
            store does not keep them.
        whole: Set that this is a shard of; None for a set that is none.

    Example:
        >>> pixels = np.zeros((5, 64, 64, 3), np.uint8)
        >>> len(ImageSet.of(pixels, np.array([1, 4]), "fingerprint of the store"))
        2
    """

    images: Rows
    rows: np.ndarray
    fingerprint: str
    store_digests: np.ndarray | None = None
    whole: ImageSet | None = None

    @classmethod
    def of(
        cls,
        images: Rows,
        rows: np.ndarray,
        store_fingerprint: str,
        store_digests: np.ndarray | None = None,
    ) -> ImageSet:
        """Take some rows of a store's images.

        Args:
            images: Images of the store, uint8 [N, size, size, 3].
            rows: Rows to take, in order, int [n].
            store_fingerprint: Fingerprint of the store.
            store_digests: `ImageStore.digests`; left out, they are computed where they are needed.
        """
        rows = np.asarray(rows, dtype=np.int64)
        digest = hashlib.sha256(store_fingerprint.encode() + rows.tobytes()).hexdigest()
        return cls(images, rows, digest, store_digests)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def digests(self) -> np.ndarray:
        """Digest of each image's pixels, by which it is known in other image sets, S16 [n]."""
        if self.store_digests is not None:
            return self.store_digests[self.rows]
        if len(self.shards()) > 1:
            return np.concatenate([shard.digests for shard in self.shards()])
        return digests_of(self.images[row] for row in self.rows)

    def shards(self) -> Sequence[ImageSet]:
        """Return the sets that this one is divided into, the same whenever it is asked.

        Returns:
            Neighboring images, together all of them, see `data.rows.shards_of`; the set itself
            where it is small, or a shard.

        Example:
            >>> images = ImageSet.of(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(3500), "store")
            >>> [len(shard) for shard in images.shards()]
            [1166, 1167, 1167]
        """
        return self._shards

    @cached_property
    def _shards(self) -> Sequence[ImageSet]:
        parts = [] if self.whole else shards_of(len(self))
        if len(parts) < 2:
            return [self]
        return [self._shard(part) for part in parts]

    def _shard(self, part: slice) -> ImageSet:
        text = f"{self.fingerprint} {part.start} {part.stop}"
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        return ImageSet(self.images, self.rows[part], fingerprint, self.store_digests, self)


class PixelView:
    """The images themselves as a view, where nothing is frozen: no cache needed.

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
