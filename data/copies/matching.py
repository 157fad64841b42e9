"""Images that a data set has more than once: the same bytes, or the same picture saved anew.

Copies in two parts of a split make test figures too good. The same bytes count once. A picture
that was resized or compressed again is told by its pHash and stays in one part with the other.

How near two pHashes of 256 bits are, on 10,000 aligned faces of CelebA and 6,000 of UTKFace:
pictures that were halved, doubled, stretched or saved at quality 30 differ from themselves in at
most 14 bits (300 of each); of all 68 million pairs 6 and 40 differ in at most 24, all of them
copies to the eye, and the nearest two different photos in 46.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.copies.hashes import BITS, Hashes

NEAR_BITS = 24
"""Pictures whose pHashes differ in at most so many bits are one picture."""

_BANDS = 16
_MIXED = np.random.default_rng(0).permutation(BITS)  # so that no band has the lowest frequencies


@dataclass(frozen=True, eq=False)
class Copies:
    """Which of N files show the same.

    Attributes:
        content: A number for each content, int64 [N]: equal where the bytes are equal.
        near: Pairs of files with the same picture in other bytes, int64 [M, 2]; of files with
            equal bytes the first stands for all.

    Example:
        >>> copies = Copies(content=np.array([0, 0, 1, 2]), near=np.array([[0, 3]]))
        >>> np.flatnonzero(copies.content == copies.content[0]).tolist()  # the bytes of the first
        [0, 1]
        >>> copies.near.tolist()  # its picture in other bytes
        [[0, 3]]
    """

    content: np.ndarray
    near: np.ndarray


def find_copies(hashes: Hashes) -> Copies:
    """Compare all files with each other; unreadable ones are like no other.

    Args:
        hashes: Hashes of N files.

    Returns:
        Which of them show the same.

    Example:
        >>> from data.copies.hashes import Hashes
        >>> content, looks = np.zeros((2, 2, 32), np.uint8)
        >>> yes = np.ones(2, bool)
        >>> find_copies(Hashes(content, looks, readable=yes, comparable=yes)).content.tolist()
        [0, 0]
    """
    _, content = np.unique(hashes.content, axis=0, return_inverse=True)
    content = content.reshape(-1).astype(np.int64)
    unreadable = np.flatnonzero(~hashes.readable)
    content[unreadable] = len(content) + unreadable
    _, first = np.unique(content, return_index=True)
    rows = np.sort(first[hashes.comparable[first]])
    return Copies(content, rows[near_pairs(hashes.looks[rows])])


def near_pairs(looks: np.ndarray) -> np.ndarray:
    """Find the pairs of rows of uint8 [N, 32] that differ in at most `NEAR_BITS` bits.

    Only rows that agree in one of 16 bands of 16 bits are compared: all that differ in fewer than
    16 bits, and of those that differ in 24 about 98 in 100. Time grows as N, not as its square.

    Returns:
        The pairs, int64 [M, 2], the lower row first.

    Example:
        >>> looks = np.zeros((3, 32), np.uint8)
        >>> looks[1, 0] = 255  # eight bits differ
        >>> looks[2] = 255  # all of them
        >>> near_pairs(looks).tolist()
        [[0, 1]]
    """
    bits = np.unpackbits(looks, axis=1)[:, _MIXED]
    words = np.ascontiguousarray(looks).view(np.uint64)
    found = [np.zeros((0, 2), np.int64)]
    for band in range(_BANDS):
        key = np.packbits(bits[:, band::_BANDS], axis=1).view(np.uint16)[:, 0]
        for pairs in _pairs_of_equals(key):
            differing = np.bitwise_count(words[pairs[:, 0]] ^ words[pairs[:, 1]]).sum(axis=1)
            found.append(np.sort(pairs[differing <= NEAR_BITS], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _pairs_of_equals(key: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs of rows [m, 2] with the same key: neighbors in order, then next but one, and so on."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    start, step = np.arange(len(key)), 1
    while True:
        start = start[start + step < len(key)]
        start = start[ordered[start] == ordered[start + step]]
        if not len(start):
            return
        yield np.stack([order[start], order[start + step]], axis=1)
        step += 1
