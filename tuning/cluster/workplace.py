"""Where a worker finds images and activations: in the folder that it shares with the driver."""

from __future__ import annotations

import data
from tuning.cluster.errors import ClusterError
from tuning.cluster.inputs import RunInputs
from tuning.search.context import StepContext
from tuning.trunk.cache import TrunkCache


def step_context(run: RunInputs) -> StepContext:
    """Open what steps work with in this process.

    Args:
        run: What the driver sent.
    """
    store = data.reopen(run.manifest, run.settings.size, run.framing, run.images, run.fingerprint)
    if store is None:
        raise ClusterError(f"{run.images} is not there")
    return StepContext(
        settings=run.settings,
        preset=run.preset,
        labels=run.labels,
        store=store,
        cache=TrunkCache(run.cache, run.cache_bytes),
    )
