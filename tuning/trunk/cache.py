"""The frozen-trunk cache: activations at the cuts, computed once and read by every trial.

Each entry is one (backbone weights, image set, size, precision, view, cut): a float16 `.npy` file,
memory-mapped by its readers, and a `.json` file beside it with what it holds and a checksum. An
entry without its `.json` file, or with another size or checksum than it says, is not used. Of
several processes or machines that need the same pass over the same images one makes it and the
others wait, see `data.locks`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np
import tensorflow as tf

from data.atomic import is_temporary, read_json, remove_leftovers, replacing, write_json
from data.locks import alone
from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.image_set import ImageSet, mirror

VIEWS = ("plain", "mirrored")
FORMAT = 1
_BATCH = 32
_HALF_MAX = float(np.finfo(np.float16).max)
_BLOCK = 1 << 24
_KEEP_FREE = 1 << 30
_IDLE_SECONDS = 600  # A file that is being written grows all the time.


class CacheError(RuntimeError):
    """The cache can't hold what the study needs."""


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
        missing = self._missing(keys)
        if missing:
            with alone(self.folder / self._pass(model, images)):
                missing = self._missing(missing)
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
        done = 0
        for view, depths in by_view.items():
            paths = {depth: self._data(missing[depth, view]) for depth in depths}
            with _writing(paths, {d: (len(images), *shapes[d]) for d in depths}) as writers:
                for count in _run(model, images, view, writers):
                    done += count
                    if progress:
                        progress(done, len(images) * len(by_view))
            for depth, writer in writers.items():
                facts = self._facts(model, images, depth, view)
                self._commit(missing[depth, view], facts, writer.crc)

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
        return f"{model.backbone.name}-{_digest(self._facts(model, images, depth, view))}"

    def _data(self, key: str) -> Path:
        return self.folder / f"{key}.npy"

    def _meta(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _pass(self, model: TransferModel, images: ImageSet) -> str:
        """Name of what one pass makes, whatever its cuts and views."""
        facts = self._facts(model, images, depth=0, view="")
        return f"pass-{_digest(facts)}"

    def _commit(self, key: str, facts: dict[str, Any], checksum: int) -> None:
        size = self._data(key).stat().st_size
        write_json(self._meta(key), {**facts, "bytes": size, "crc32": checksum})

    def _missing(self, keys: dict[tuple[int, str], str]) -> dict[tuple[int, str], str]:
        return {at: key for at, key in keys.items() if not self._intact(key)}

    def _intact(self, key: str) -> bool:
        try:
            meta = read_json(self._meta(key))
            array = np.load(self._data(key), mmap_mode="r")
            return bool(
                self._data(key).stat().st_size == meta["bytes"]
                and _checksum(array) == meta["crc32"]
            )
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return False

    def _make_room(self, needed: int, in_use: set[str]) -> None:
        remove_leftovers(self.folder, _IDLE_SECONDS)
        entries = [entry for entry in self.folder.glob("*.npy") if not is_temporary(entry)]
        entries.sort(key=_last_use)
        sizes = {entry: _size(entry) for entry in entries}
        used = sum(sizes.values())
        for entry in entries:
            if used + needed <= self.budget and self._free() >= needed + _KEEP_FREE:
                return
            if entry.stem in in_use:
                continue
            used -= sizes[entry]
            entry.with_suffix(".json").unlink(missing_ok=True)
            entry.unlink(missing_ok=True)  # Another process may make room as well.
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
    """Writes rows of float16 to a `.npy` file, in order.

    A plain file, not a memory map: a full disk is then an error and not the end of the process.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, ...]) -> None:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        self._file = file
        self.crc = 0

    def append(self, rows: np.ndarray) -> None:
        half = np.clip(rows, -_HALF_MAX, _HALF_MAX).astype("<f2").tobytes()
        self._file.write(half)
        self.crc = zlib.crc32(half, self.crc)


@contextmanager
def _writing(
    paths: dict[int, Path], shapes: dict[int, tuple[int, ...]]
) -> Iterator[dict[int, _Writer]]:
    """A writer for each depth; the files appear together if the block ends well."""
    with ExitStack() as stack:
        new = {depth: stack.enter_context(replacing(path)) for depth, path in paths.items()}
        with ExitStack() as files:
            opened = {d: files.enter_context(path.open("wb")) for d, path in new.items()}
            yield {d: _Writer(file, shapes[d]) for d, file in opened.items()}


def _run(
    model: TransferModel, images: ImageSet, view: str, writers: dict[int, _Writer]
) -> Iterator[int]:
    """Pass all images through the trunk once; yields how many after each batch."""
    forward = compiled(model.trunk(list(writers)))
    for start in range(0, len(images), _BATCH):
        batch = images.images[images.rows[start : start + _BATCH]]
        outputs = forward(mirror(batch) if view == "mirrored" else batch)
        for writer, output in zip(writers.values(), outputs, strict=True):
            writer.append(tf.cast(output, tf.float32).numpy())
        yield len(batch)


def compiled(trunk: keras.Model) -> Callable[[np.ndarray], list[tf.Tensor]]:
    """A trunk's forward pass as one graph: uint8 [n, size, size, 3] -> activations, as a list."""

    @tf.function(reduce_retracing=True)
    def forward(batch: tf.Tensor) -> list[tf.Tensor]:
        return keras.tree.flatten(trunk(batch, training=False))

    return forward


def _checksum(array: np.ndarray) -> int:
    flat = array.reshape(-1)
    crc = 0
    for start in range(0, len(flat), _BLOCK):
        crc = zlib.crc32(flat[start : start + _BLOCK].tobytes(), crc)
    return crc


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _last_use(entry: Path) -> float:
    try:
        return entry.with_suffix(".json").stat().st_mtime
    except OSError:
        return 0.0


def _size(entry: Path) -> int:
    with suppress(OSError):
        return entry.stat().st_size
    return 0
