"""The frozen-trunk cache: activations at the cuts, computed once and read by every trial.

Each entry is one (backbone weights, image set, size, precision, view, cut): a float16 `.npy` file,
memory-mapped by its readers, and a `.json` file beside it with what it holds and a checksum. An
entry without its `.json` file, or with another size or checksum than it says, is not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tuning.model import TransferModel

VIEWS = ("plain", "mirrored")
FORMAT = 1
_BATCH = 32
_HALF_MAX = float(np.finfo(np.float16).max)
_BLOCK = 1 << 24
_KEEP_FREE = 1 << 30


class CacheError(RuntimeError):
    """The cache can't hold what the study needs."""


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


class TrunkCache:
    """A folder of cached activations within a disk budget; the least recently used go first.

    Args:
        folder: created when missing.
        budget: bytes on disk for all entries together.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self.folder = folder
        self.budget = budget
        folder.mkdir(parents=True, exist_ok=True)

    def activations(
        self,
        model: TransferModel,
        images: ImageSet,
        depths: Sequence[int],
        views: Sequence[str],
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[tuple[int, str], np.ndarray]:
        """Activations at the cuts of `depths`, for each view; what is missing is computed.

        Args:
            model: with its pretrained weights in place.
            images: what to run through the trunk.
            depths: fine-tuning depths below the model's `max_depth`.
            views: of `VIEWS`.
            progress: called with the images done and to do, over all views.

        Returns:
            for each (depth, view) a read-only float16 [n, ...] memory map.

        Raises:
            CacheError: budget or disk too small.
        """
        keys = {(d, v): self._key(model, images, d, v) for v in views for d in depths}
        missing = {at: key for at, key in keys.items() if not self._intact(key)}
        if missing:
            self._compute(model, images, missing, set(keys.values()), progress)
        for key in keys.values():
            os.utime(self._meta(key))
        return {at: np.load(self._data(key), mmap_mode="r") for at, key in keys.items()}

    def _compute(
        self,
        model: TransferModel,
        images: ImageSet,
        missing: dict[tuple[int, str], str],
        in_use: set[str],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        by_view = {v: [d for d, view in missing if view == v] for v in VIEWS}
        by_view = {view: depths for view, depths in by_view.items() if depths}
        cuts = sorted({depth for depth, _ in missing})
        outputs = model.trunk(cuts).outputs
        shapes = {d: tuple(output.shape[1:]) for d, output in zip(cuts, outputs, strict=True)}
        sizes = {at: 2 * len(images) * int(np.prod(shapes[at[0]])) for at in missing}
        self._make_room(sum(sizes.values()), in_use)
        total, done = len(images) * len(by_view), 0
        for view, depths in by_view.items():
            writers = {
                depth: _Writer(self._data(missing[depth, view]), (len(images), *shapes[depth]))
                for depth in depths
            }
            forward = compiled(model.trunk(depths))
            for start in range(0, len(images), _BATCH):
                batch = images.images[images.rows[start : start + _BATCH]]
                outputs = forward(mirror(batch) if view == "mirrored" else batch)
                for depth, output in zip(depths, outputs, strict=True):
                    writers[depth].append(tf.cast(output, tf.float32).numpy())
                done += len(batch)
                if progress:
                    progress(done, total)
            for depth, writer in writers.items():
                facts = self._facts(model, images, depth, view)
                self._commit(missing[depth, view], writer, facts)

    def _facts(
        self, model: TransferModel, images: ImageSet, depth: int, view: str
    ) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "backbone": model.backbone.name,
            "weights": model.weights.fingerprint,
            "images": images.fingerprint,
            "size": model.size,
            "precision": model.precision,
            "cut": model.backbone.cut(depth),
            "pooled": depth == 0,
            "view": view,
        }

    def _key(self, model: TransferModel, images: ImageSet, depth: int, view: str) -> str:
        facts = json.dumps(self._facts(model, images, depth, view), sort_keys=True)
        return f"{model.backbone.name}-{hashlib.sha256(facts.encode()).hexdigest()[:24]}"

    def _data(self, key: str) -> Path:
        return self.folder / f"{key}.npy"

    def _meta(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _commit(self, key: str, writer: _Writer, facts: dict[str, Any]) -> None:
        checksum = writer.close()
        size = self._data(key).stat().st_size
        partial = self._meta(key).with_suffix(".json.partial")
        partial.write_text(json.dumps({**facts, "bytes": size, "crc32": checksum}, indent=1))
        partial.replace(self._meta(key))

    def _intact(self, key: str) -> bool:
        try:
            meta = json.loads(self._meta(key).read_text())
            array = np.load(self._data(key), mmap_mode="r")
            return bool(
                self._data(key).stat().st_size == meta["bytes"]
                and _checksum(array) == meta["crc32"]
            )
        except (OSError, ValueError, KeyError):
            return False

    def _make_room(self, needed: int, in_use: set[str]) -> None:
        entries = sorted(self.folder.glob("*.npy"), key=_last_use)
        used = sum(entry.stat().st_size for entry in entries)
        for entry in entries:
            if used + needed <= self.budget and self._free() >= needed + _KEEP_FREE:
                return
            if entry.stem in in_use:
                continue
            used -= entry.stat().st_size
            entry.with_suffix(".json").unlink(missing_ok=True)
            entry.unlink()
        if used + needed > self.budget:
            raise CacheError(
                f"the trunk cache needs {needed / 1e9:.1f} GB, more than CACHE_GB="
                f"{self.budget / 1e9:g} allows: raise it, or use fewer SAMPLES or a smaller SIZE"
            )
        if self._free() < needed + _KEEP_FREE:
            raise CacheError(
                f"the trunk cache needs {needed / 1e9:.1f} GB in {self.folder}, where "
                f"{self._free() / 1e9:.1f} GB are free: free some, or use fewer SAMPLES"
            )

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free


class _Writer:
    """Appends rows to a `.npy` file that appears under its name when it is complete."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path = path
        self._partial = path.with_suffix(".npy.partial")
        self._array = np.lib.format.open_memmap(
            self._partial, mode="w+", dtype=np.float16, shape=shape
        )
        self._row = 0
        self._crc = 0

    def append(self, rows: np.ndarray) -> None:
        half = np.clip(rows, -_HALF_MAX, _HALF_MAX).astype(np.float16)
        self._array[self._row : self._row + len(half)] = half
        self._row += len(half)
        self._crc = zlib.crc32(half.tobytes(), self._crc)

    def close(self) -> int:
        self._array.flush()
        del self._array
        self._partial.replace(self._path)
        return self._crc


def compiled(trunk: keras.Model) -> Callable[[np.ndarray], list[tf.Tensor]]:
    """A trunk's forward pass as one graph: uint8 [n, size, size, 3] -> activations, as a list."""

    @tf.function(reduce_retracing=True)
    def forward(batch: tf.Tensor) -> list[tf.Tensor]:
        return keras.tree.flatten(trunk(batch, training=False))

    return forward


def mirror(images: np.ndarray) -> np.ndarray:
    """Mirror images left to right, [n, height, width, channels]."""
    return images[:, :, ::-1]


def _checksum(array: np.ndarray) -> int:
    flat = array.reshape(-1)
    crc = 0
    for start in range(0, len(flat), _BLOCK):
        crc = zlib.crc32(flat[start : start + _BLOCK].tobytes(), crc)
    return crc


def _last_use(entry: Path) -> float:
    meta = entry.with_suffix(".json")
    return meta.stat().st_mtime if meta.exists() else 0.0
