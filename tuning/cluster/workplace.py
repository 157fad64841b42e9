"""Where a worker finds images and activations: in the driver's folders, or in its own.

Its own is `cluster` in the user's cache folder of its machine. What it lacks there it fetches from
the driver's machine, see `tuning.cluster.exchange`.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from data import ImageStore
from tuning.cluster.errors import ClusterError
from tuning.cluster.exchange import Exchange, ExchangedCache, FetchedImages
from tuning.cluster.inputs import RunInputs
from tuning.search.context import StepContext
from tuning.trunk.cache import TrunkCache

if TYPE_CHECKING:
    from ray.actor import ActorHandle


def step_context(run: RunInputs, exchange: ActorHandle[Exchange] | None) -> StepContext:
    """Open what steps work with in this process.

    Args:
        run: What the driver sent.
        exchange: The actor that serves what the driver's machine has; None where this is it.

    Raises:
        ClusterError: The driver's folders are not here, and nobody serves them.
    """
    store = run.open_store() if run.token.is_here() else None
    if store:
        return _context(run, store, TrunkCache(run.cache, run.cache_bytes))
    if exchange is None:
        raise ClusterError(f"the run's images are gone from {run.images}")
    cache = ExchangedCache(own_folder() / "trunk", run.cache_bytes, exchange)
    return _context(run, _own_store(run, exchange), cache)


def _context(run: RunInputs, store: ImageStore, cache: TrunkCache) -> StepContext:
    return StepContext(
        settings=run.settings,
        preset=run.preset,
        labels=run.labels,
        store=store,
        cache=cache,
    )


def own_folder() -> Path:
    """Return the folder of a worker that does not see the driver's."""
    return platformdirs.user_cache_path("face-classifier") / "cluster"


@dataclass(frozen=True, eq=False, kw_only=True)
class _FetchedStore(ImageStore):
    """A store whose digests come from the driver: to compute them all images would be fetched."""

    digests: np.ndarray


def _own_store(run: RunInputs, exchange: ActorHandle[Exchange]) -> ImageStore:
    size, count = run.settings.size, len(run.manifest)
    folder = own_folder() / "images" / run.fingerprint[:16]
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    remove_old(folder, run.cache_bytes)
    return _FetchedStore(
        images=FetchedImages(exchange, folder, count, size),  # type: ignore[arg-type]
        manifest=run.manifest,
        broken=(),
        fingerprint=run.fingerprint,
        size=size,
        framing=run.framing,
        digests=run.digests,
    )


def remove_old(kept: Path, budget: int) -> None:
    """Delete images of other runs beyond a budget, the least recently used first.

    Args:
        kept: Folder of this run's images; those of others lie beside it.
        budget: Largest number of bytes of all together.
    """
    folders = sorted(kept.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)
    sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for folder in folders}
    for folder in folders:
        if sum(sizes.values()) <= budget:
            return
        if folder != kept:
            del sizes[folder]
            shutil.rmtree(folder, ignore_errors=True)
