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
from tuning.cluster.tasks import Tasks
from tuning.cluster.token import Token, token_in
from tuning.helpers import Helpers
from tuning.search.context import StepContext
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
    with _workers_of(helpers, artifacts, bars, "step") as workers:
        yield RayEngine(artifacts, *workers) if workers else OneProcess()


@contextmanager
def tasks_of(
    helpers: Helpers, context: StepContext, artifacts: Path, bars: Bars
) -> Iterator[Tasks | None]:
    """Have others do tasks that look at a run's images while the block lasts.

    Args:
        helpers: Who works beside this process.
        context: Images and settings of the run.
        artifacts: Folder for everything a run makes.
        bars: Where it is said who works.

    Yields:
        Who does them; None where this process does everything.

    Raises:
        ClusterError: Ray is not there.
    """
    with _workers_of(helpers, artifacts, bars, "task") as workers:
        yield Tasks(context, artifacts, *workers) if workers else None


@contextmanager
def _workers_of(
    helpers: Helpers, artifacts: Path, bars: Bars, work: str
) -> Iterator[tuple[Places, Token] | None]:
    if helpers.address:
        with _on_cluster(helpers.address, helpers.cores, artifacts, bars, work) as workers:
            yield workers
    elif helpers.workers:
        with _on_this_machine(helpers.workers, artifacts, bars) as workers:
            yield workers
    else:
        yield None


@contextmanager
def _on_this_machine(workers: int, artifacts: Path, bars: Bars) -> Iterator[tuple[Places, Token]]:
    cores = max(1, usable() // workers)
    with connection.local(workers) as dashboard, token_in(artifacts / "cache") as token:
        _say(bars, f"{_count(workers, 'worker')} of {_count(cores, 'core')} each", dashboard)
        yield Places(workers, cores, cores_of_ray=1), token


@contextmanager
def _on_cluster(
    address: str, cores: int, artifacts: Path, bars: Bars, work: str
) -> Iterator[tuple[Places, Token]]:
    with connection.remote(address) as dashboard, token_in(artifacts / "cache") as token:
        import ray

        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        places = Places.of(machines, cores, ray.get_runtime_context().get_node_id())
        if not places.slots:
            raise ClusterError(f"RAY_ADDRESS={address}: no machine of the cluster offers cores")
        several = f"{_count(places.slots, work)} of {_count(places.cores, 'core')} side by side"
        _say(bars, f"{_count(len(machines), 'machine')}, {several}", dashboard)
        yield places, token


def _say(bars: Bars, who: str, dashboard: str) -> None:
    shown = f"; dashboard: http://{dashboard}" if dashboard else ""
    bars.say(f"Ray: {who}{shown}")


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'s' * (number != 1)}"
