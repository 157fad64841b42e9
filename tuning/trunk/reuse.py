"""Activations that other entries hold: an image that went through a trunk once never does again.

Another label splits or leaves out images otherwise, a larger sample holds a smaller one: the image
set is new, its images are not. So beside each entry lies which images it holds, by their pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.atomic import replacing
from data.rows import JoinedRows
from tuning.trunk.image_set import DIGEST_BYTES

_DIGEST = np.dtype(f"S{DIGEST_BYTES}")


@dataclass(frozen=True)
class HeldEntry:
    """An entry of the same trunk, cut and view, and the images that it holds.

    Attributes:
        activations: Its activations, float16 [m, ...], memory-mapped.
        digests: Digest of each of its images, S16 [m], see `ImageSet.digests`.
    """

    activations: np.ndarray
    digests: np.ndarray


class KnownActivations:
    """Where activations of some images lie in other entries.

    Args:
        digests: Digests of the n images that are wanted, in order, S16 [n].
        entries: Entries to look in.

    Attributes:
        found: Whether an entry holds the image, bool [n].

    Example:
        >>> entry = HeldEntry(np.float16([[1], [2]]), np.array([b"cat", b"dog"]))
        >>> known = KnownActivations(np.array([b"dog", b"cow"]), [entry])
        >>> known.found.tolist(), known[0].tolist()
        ([True, False], [2.0])
    """

    def __init__(self, digests: np.ndarray, entries: Sequence[HeldEntry]) -> None:
        held = np.concatenate([_NONE, *(entry.digests for entry in entries)])
        order = np.argsort(held, kind="stable")
        places = np.searchsorted(held, digests, sorter=order)
        self._places = order[np.minimum(places, len(held) - 1)] if entries else places
        self.found = held[self._places] == digests if entries else np.zeros(len(digests), bool)
        self._activations = JoinedRows([e.activations for e in entries]) if entries else None

    def __getitem__(self, position: int | np.ndarray) -> np.ndarray:
        """Return the activations of an image that was found, or of several, float16."""
        assert self._activations is not None, "asked for what is found only"
        return self._activations[self._places[position]]

    def part(self, images: slice) -> KnownActivations:
        """Return what is known of neighboring images.

        Args:
            images: Their positions.
        """
        part = copy(self)
        part.found, part._places = self.found[images], self._places[images]
        return part


_NONE = np.empty(0, _DIGEST)


def write_digests(path: Path, digests: np.ndarray) -> None:
    """Write the file beside an entry that says which images it holds.

    Args:
        path: Path of the file.
        digests: Digest of each of its images, S16 [n].
    """
    with replacing(path) as new:
        new.write_bytes(np.asarray(digests, _DIGEST).tobytes())


def read_digests(path: Path) -> np.ndarray:
    """Read a file that `write_digests` wrote; none where it is missing or cut short.

    Example:
        >>> read_digests(Path("none.images")).tolist()
        []
    """
    try:
        content = path.read_bytes()
    except OSError:
        return _NONE
    return _NONE if len(content) % DIGEST_BYTES else np.frombuffer(content, _DIGEST)
