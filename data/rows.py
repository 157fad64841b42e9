"""Rows of one array that lie in several files: how they are divided, and how they are read as one.

What is large is made in shards of rows, each a `.npy` file of its own, so that several processes
make it and one that is killed loses a shard at most. Readers gather rows as from one array.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

_LEAST_ROWS = 1024
_MOST_SHARDS = 64


def shards_of(count: int) -> list[slice]:
    """Divide rows into shards of about the same size: at most 64, of at least 1,024 rows.

    Args:
        count: Number of rows, at least 0.

    Returns:
        Rows of each shard, in order; one shard where there are few rows.

    Example:
        >>> shards_of(3500)
        [slice(0, 1166, None), slice(1166, 2333, None), slice(2333, 3500, None)]
        >>> len(shards_of(200_000)), shards_of(0)
        (64, [slice(0, 0, None)])
    """
    shards = min(max(count // _LEAST_ROWS, 1), _MOST_SHARDS)
    ends = [count * number // shards for number in range(shards + 1)]
    return [slice(start, stop) for start, stop in pairwise(ends)]


class JoinedRows:
    """Arrays of the same kind of rows, one behind the other, as one array that is only read.

    Rows are gathered into new arrays; neighbors in one part are a view of it.

    Args:
        parts: At least one array, each [n, ...] with the same shape behind n and the same dtype.

    Attributes:
        shape: Shape of all rows together.
        dtype: Type of their numbers.

    Raises:
        ValueError: The parts differ.

    Example:
        >>> rows = JoinedRows([np.array([[0], [1]]), np.array([[2]])])
        >>> rows.shape, rows[[2, 0]].tolist(), rows[1:].tolist(), rows[-1].tolist()
        ((3, 1), [[2], [0]], [[1], [2]], [2])
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        if len({(part.shape[1:], part.dtype) for part in parts}) != 1:
            raise ValueError("the parts of one array have the same dtype and kind of rows")
        self._parts = [part.view(np.ndarray) for part in parts]  # np.memmap is slow to index
        self._ends = np.cumsum([len(part) for part in parts])
        self._starts = self._ends - [len(part) for part in parts]
        self._numbers = np.arange(len(parts))
        self.shape: tuple[int, ...] = (int(self._ends[-1]), *parts[0].shape[1:])
        self.dtype = parts[0].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[np.ndarray]:
        for part in self._parts:
            yield from part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all rows in memory; for what is small."""
        if copy is False:
            raise ValueError("rows in several parts are one array only as a copy")
        return np.concatenate(self._parts).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return one row (int), neighbors (slice) or any rows (int or bool [n])."""
        if isinstance(rows, slice):
            return self._slice(rows)
        index = np.asarray(rows)
        if index.dtype == bool:
            return self._gather(self._where(index))
        index = index.astype(np.intp, casting="same_kind" if index.size else "unsafe")
        if index.ndim > 1:
            raise IndexError("rows are gathered by one row of numbers")
        found = self._gather(self._counted_from_the_start(index.reshape(-1)))
        return found if index.ndim else found[0]

    def _counted_from_the_start(self, rows: np.ndarray) -> np.ndarray:
        least, most = (rows.min(), rows.max()) if len(rows) else (0, -1)
        if least < -len(self) or most >= len(self):
            raise IndexError(f"rows {least:,} to {most:,} of {len(self):,}")
        return rows if least >= 0 else np.where(rows < 0, rows + len(self), rows)

    def _where(self, chosen: np.ndarray) -> np.ndarray:
        if chosen.shape != (len(self),):
            raise IndexError(f"{chosen.shape} truth values for {len(self):,} rows")
        return np.flatnonzero(chosen)

    def _slice(self, rows: slice) -> np.ndarray:
        start, stop, step = rows.indices(len(self))
        if step != 1:
            return self._gather(np.arange(start, stop, step))
        first = int(np.searchsorted(self._ends, start, side="right"))
        if start < stop <= self._ends[first]:
            return self._parts[first][start - self._starts[first] : stop - self._starts[first]]
        return self._gather(np.arange(start, stop))

    def _gather(self, rows: np.ndarray) -> np.ndarray:
        gathered = np.empty((len(rows), *self.shape[1:]), self.dtype)
        numbers = np.searchsorted(self._ends, rows, side="right")
        order = np.argsort(numbers, kind="stable")
        stops = np.searchsorted(numbers[order], self._numbers, side="right").tolist()
        for number, (start, stop) in enumerate(pairwise([0, *stops])):
            if start < stop:
                at = order[start:stop]
                gathered[at] = self._parts[number][rows[at] - self._starts[number]]
        return gathered


Rows: TypeAlias = np.ndarray | JoinedRows
"""An array whose rows may lie in several files."""


def open_rows(paths: Sequence[Path]) -> Rows:
    """Map the `.npy` files of one array's parts into memory, read-only.

    Args:
        paths: Files in order, at least one.

    Returns:
        The memory map itself of one file, the joined ones of several.

    Raises:
        OSError: A file cannot be opened.
        ValueError: A file is damaged, or the parts differ.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("a", "b"):
        ...     np.save(folder / f"{name}.npy", np.ones((2, 3)))
        >>> type(open_rows([folder / "a.npy"])).__name__
        'memmap'
        >>> open_rows([folder / "a.npy", folder / "b.npy"]).shape
        (4, 3)
    """
    if len(paths) > 1:
        _allow_open_files()  # Each map holds a descriptor, and often only 1,024 are granted.
    parts = [np.load(path, mmap_mode="r") for path in paths]
    return parts[0] if len(parts) == 1 else JoinedRows(parts)


def _allow_open_files() -> None:
    """Take as many open files as the system lets a process have that asks for them."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        granted, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if granted != most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
