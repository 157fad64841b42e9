"""Which engine a run is worked on by: this process, a Ray on this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.processors import usable
from tuning.bars import Bars
from tuning.cluster import connection
from tuning.cluster.errors import ClusterError
from tuning.cluster.places import Places
from tuning.cluster.ray_engine import RayEngine
from tuning.cluster.token import token_in
from tuning.helpers import Helpers
from tuning.search.engine import Engine, OneProcess


@contextmanager
def engine_of(helpers: Helpers, artifacts: Path, bars: Bars) -> Iterator[Engine]:
    """Have an engine while the block lasts.

    Args:
        helpers: Who works on the run beside this process.
        artifacts: Folder for everything a run makes.
        bars: Where it is said who works.

    Raises:
        ClusterError: Ray is not there.

    Example:
        >>> with engine_of(Helpers(), Path("artifacts"), Bars()) as engine:
        ...     type(engine).__name__
        'OneProcess'
    """
    if helpers.address:
        with _on_cluster(helpers.address, helpers.cores, artifacts, bars) as engine:
            yield engine
    elif helpers.workers:
        with _on_this_machine(helpers.workers, artifacts, bars) as engine:
            yield engine
    else:
        yield OneProcess()


@contextmanager
def _on_this_machine(workers: int, artifacts: Path, bars: Bars) -> Iterator[Engine]:
    cores = max(1, usable() // workers)
    with connection.local(workers) as dashboard, token_in(artifacts / "cache") as token:
        _say(bars, f"{_count(workers, 'worker')} of {_count(cores, 'core')} each", dashboard)
        yield RayEngine(artifacts, Places(workers, cores, cores_of_ray=1), token)


@contextmanager
def _on_cluster(address: str, cores: int, artifacts: Path, bars: Bars) -> Iterator[Engine]:
    with connection.remote(address) as dashboard, token_in(artifacts / "cache") as token:
        import ray

        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        places = Places.of(machines, cores, ray.get_runtime_context().get_node_id())
        if not places.slots:
            raise ClusterError(f"RAY_ADDRESS={address}: no machine of the cluster offers cores")
        steps = f"{_count(places.slots, 'step')} of {_count(places.cores, 'core')} side by side"
        _say(bars, f"{_count(len(machines), 'machine')}, {steps}", dashboard)
        yield RayEngine(artifacts, places, token)


def _say(bars: Bars, who: str, dashboard: str) -> None:
    shown = f"; dashboard: http://{dashboard}" if dashboard else ""
    bars.say(f"Ray: {who}{shown}")


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'s' * (number != 1)}"
