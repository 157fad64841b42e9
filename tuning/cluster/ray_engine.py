"""The engine beyond one process: Ray gives each step to a worker, and gives it out again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from tuning.backbones.registry import Backbone
from tuning.backbones.weights import Weights
from tuning.cluster import worker
from tuning.cluster.checks import checked
from tuning.cluster.errors import ClusterError
from tuning.cluster.exchange import Exchange
from tuning.cluster.inputs import BackboneInputs, RunInputs
from tuning.cluster.places import Places, environment
from tuning.cluster.sharing import RETRIES, own_error, share_run
from tuning.cluster.token import Token
from tuning.search.context import SearchContext
from tuning.search.steps import Steps

if TYPE_CHECKING:
    import ray
    from ray.actor import ActorHandle

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class RayEngine:
    """Ray's workers as those who do steps; made while this process is connected to Ray.

    Args:
        artifacts: Folder for everything a run makes.
        places: What steps take of the workers' machines.
        token: Token that lies in the folder.

    Attributes:
        slots: Number of steps that are worked on side by side, of all backbones together.
    """

    def __init__(self, artifacts: Path, places: Places, token: Token) -> None:
        import ray

        self.slots = places.slots
        self._artifacts, self._home, self._token = artifacts, places.home, token
        self._task = ray.remote(worker.do).options(
            max_retries=RETRIES,
            runtime_env={"env_vars": environment(places.cores)},
            **places.of_step(),
        )
        self._shared: tuple[ray.ObjectRef[RunInputs], ActorHandle[Exchange] | None] | None = None
        self._pending: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    @contextmanager
    def hands(
        self, context: SearchContext, backbone: Backbone, weights: Weights
    ) -> Iterator[RayHands]:
        """Let a search use the workers, see `tuning.search.engine.Engine`."""
        import ray

        inputs = ray.put(BackboneInputs(backbone.name, weights))
        self._shared = self._shared or share_run(
            RunInputs.of(context, self._artifacts, self._token), self._home
        )
        run, exchange = self._shared
        yield RayHands(self, worker.Assignment(run, inputs, exchange))

    def submit(self, assignment: worker.Assignment, step: str, *sent: Any) -> Future[Any]:
        """Have a step done.

        Args:
            assignment: The search that it belongs to.
            step: Name of a method of `Steps`.
            *sent: What it takes, and what it takes by name.
        """
        future: Future[Any] = Future()
        with self._lock:
            if self._stopped:
                raise KeyboardInterrupt
            self._pending.add(future)
        done = self._task.remote(assignment, step, *sent).future()
        done.add_done_callback(lambda ended: self._settle(future, step, ended))
        return future

    def stop(self) -> None:
        """End the searches: whoever waits for a step is interrupted, as by Ctrl-C."""
        with self._lock:
            self._stopped = True
            pending = list(self._pending)
        for future in pending:
            with suppress(InvalidStateError):
                future.set_exception(KeyboardInterrupt())

    def _settle(self, future: Future[Any], step: str, ended: Future[Any]) -> None:
        with self._lock:
            self._pending.discard(future)
        error = ended.exception()
        with suppress(InvalidStateError):  # stopped in between
            if error is not None:
                future.set_exception(own_error(error, step))
                return
            try:
                future.set_result(checked(step, ended.result()))
            except ClusterError as wrong:
                future.set_exception(wrong)


class RayHands:
    """Workers that do the steps of one backbone's search.

    Args:
        engine: The engine that they belong to.
        assignment: The search.

    Attributes:
        divides_passes: True.
    """

    divides_passes = True

    def __init__(self, engine: RayEngine, assignment: worker.Assignment) -> None:
        self._engine = engine
        self._assignment = assignment

    @property
    def slots(self) -> int:
        """Number of steps that are worked on side by side: whichever search needs them most."""
        return self._engine.slots

    def submit(
        self,
        step: Callable[Concatenate[Steps, Arguments], Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Have a step done, see `tuning.search.engine.Hands`."""
        return self._engine.submit(self._assignment, step.__name__, args, kwargs)
