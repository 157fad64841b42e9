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
from data.groups import first_rows, joined

NEAR_BITS = 24
"""Pictures whose pHashes differ in at most so many bits are one picture."""

_BANDS = 16
_SEED = 0
_MIXED = np.random.default_rng(_SEED).permutation(BITS)
"""Order of the bits, so that no band has the lowest frequencies."""

_REPRESENTED = NEAR_BITS - _BANDS
"""Bits within which the first of a band stands for another row of it: what differs from that in
fewer than 16 bits then differs from the first in at most `NEAR_BITS`."""


@dataclass(frozen=True, eq=False)
class Copies:
    """Which of N files show the same.

    Attributes:
        content: A number for each content, int64 [N]: equal where the bytes are equal.
        picture: A number for each picture, int64 [N]: equal where the bytes are, and where one
            picture was saved in other bytes.

    Example:
        >>> copies = Copies(content=np.array([0, 0, 1, 2]), picture=np.array([0, 0, 1, 0]))
        >>> np.flatnonzero(copies.content == copies.content[0]).tolist()  # the bytes of the first
        [0, 1]
        >>> np.flatnonzero(copies.picture == copies.picture[0]).tolist()  # its picture
        [0, 1, 3]
    """

    content: np.ndarray
    picture: np.ndarray


def find_copies(hashes: Hashes) -> Copies:
    """Compare all files with each other; unreadable ones are like no other.

    Args:
        hashes: Hashes of N files.

    Returns:
        Which of them show the same.

    Example:
        >>> from data.copies.hashes import Hashes
        >>> content, looks = np.zeros((2, 2, 32), np.uint8)
        >>> yes, sizes = np.ones(2, bool), np.ones((2, 2), np.uint32)
        >>> find_copies(Hashes(content, looks, yes, yes, sizes)).content.tolist()
        [0, 0]
    """
    content = _numbered(hashes.content)
    unreadable = np.flatnonzero(~hashes.readable)
    content[unreadable] = len(content) + unreadable
    first, picture = first_rows(content), np.arange(len(content))
    compared = np.flatnonzero((first == picture) & hashes.comparable)
    picture[compared] = compared[first_alike(hashes.looks[compared])]
    return Copies(content, picture[first])


def first_alike(looks: np.ndarray) -> np.ndarray:
    """Find for each row of uint8 [N, 32] the first one that shows the same picture.

    Rows that differ in at most `NEAR_BITS` bits show one, and so do those that hang together by
    such pairs. Only rows that agree in one of 16 bands of 16 bits are compared: two that differ in
    fewer than 16 bits have such a band, and of those that differ in 24 about 98 in 100. Equal rows
    are compared once, and one that is as good as the first of its band only with that, so that
    thousands of copies of a picture take no more time than as many others.

    Returns:
        Rows, int64 [N]; that of a picture which is there once is its own.

    Example:
        >>> looks = np.zeros((3, 32), np.uint8)
        >>> looks[1, 0] = 255  # eight bits differ
        >>> looks[2] = 255  # all of them
        >>> first_alike(looks).tolist()
        [0, 0, 2]
    """
    of_row = _numbered(looks)
    distinct = looks[np.unique(of_row, return_index=True)[1]]
    picture, found = np.arange(len(distinct)), [np.zeros((0, 2), np.int64)]
    for pairs in _near_pairs(distinct):
        found.append(pairs)
        if sum(map(len, found)) > len(distinct):  # so that memory holds as many pairs as rows
            picture, found = joined(picture, picture[np.concatenate(found)]), found[:1]
    picture = joined(picture, picture[np.concatenate(found)])
    return first_rows(picture[of_row])


def _numbered(digests: np.ndarray) -> np.ndarray:
    """A number for each different row of uint8 [N, 32], int64 [N]."""
    words = np.ascontiguousarray(digests).view(np.uint64)
    return np.unique(words, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _near_pairs(looks: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs [m, 2] of different rows that show one picture, enough to find all that hang together.

    In each band rows are in another order, so that it is another one with which its like are
    compared.
    """
    bits = np.unpackbits(looks, axis=1)[:, _MIXED]
    words = np.ascontiguousarray(looks).view(np.uint64)
    rng = np.random.default_rng(_SEED)
    for band in range(_BANDS):
        key = np.packbits(bits[:, band::_BANDS], axis=1).view(np.uint16)[:, 0]
        shuffled = rng.permutation(len(key))
        left = shuffled[np.argsort(key[shuffled], kind="stable")]
        while len(left):
            first, others = _first_and_others(key, left)
            differing = np.bitwise_count(words[first] ^ words[others]).sum(axis=1)
            near = differing <= NEAR_BITS
            if near.any():
                yield np.stack([first[near], others[near]], axis=1)
            left = others[differing > _REPRESENTED]


def _first_and_others(key: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of rows in order of their key each but the first with a key, and before it that first one."""
    begins = np.ones(len(rows), bool)
    begins[1:] = key[rows[1:]] != key[rows[:-1]]
    first = rows[begins][np.cumsum(begins) - 1]
    return first[~begins], rows[~begins]
