"""Activations that other entries hold: an image that went through a trunk once never does again.

Another label splits or leaves out images otherwise, a larger sample holds a smaller one: the image
set is new, its images are not. So beside each entry lies which images it holds, by their pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tuning.trunk.image_set import DIGEST_BYTES


@dataclass(frozen=True)
class HeldEntry:
    """An entry of the same trunk, cut and view, and the images that it holds.

    Attributes:
        activations: Its activations, float16 [m, ...], memory-mapped.
        digests: Digest of each of its images, see `ImageSet.digests`.
    """

    activations: np.ndarray
    digests: Sequence[bytes]


class KnownActivations:
    """Where activations of some images lie in other entries.

    Args:
        digests: Digests of the n images that are wanted, in order.
        entries: Entries to look in.

    Attributes:
        found: Whether an entry holds the image, bool [n].

    Example:
        >>> entry = HeldEntry(np.float16([[1], [2]]), [b"cat", b"dog"])
        >>> known = KnownActivations([b"dog", b"cow"], [entry])
        >>> known.found.tolist(), known[0].tolist()
        ([True, False], [2.0])
    """

    def __init__(self, digests: Sequence[bytes], entries: Iterable[HeldEntry]) -> None:
        self._entries = list(entries)
        places: dict[bytes, tuple[int, int]] = {}
        for number, entry in enumerate(self._entries):
            places |= {digest: (number, row) for row, digest in enumerate(entry.digests)}
        self._places = [places.get(digest) for digest in digests]
        self.found = np.array([place is not None for place in self._places], dtype=bool)

    def __getitem__(self, position: int) -> np.ndarray:
        """Return the activations of one of the images that were found, float16."""
        place = self._places[position]
        assert place is not None, "asked for what is found only"
        number, row = place
        return self._entries[number].activations[row]


def packed(digests: Sequence[bytes]) -> bytes:
    """Return digests as the file beside an entry holds them.

    Example:
        >>> unpacked(packed([b"0" * 16, b"1" * 16])) == [b"0" * 16, b"1" * 16]
        True
    """
    return b"".join(digests)


def unpacked(content: bytes) -> list[bytes]:
    """Return the digests in a file that `packed` made."""
    starts = range(0, len(content), DIGEST_BYTES)
    return [content[start : start + DIGEST_BYTES] for start in starts]
