"""Tasks of other packages on Ray's workers: functions that look at a run's images."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from data import ImageStore
from tuning.cluster.inputs import RunInputs
from tuning.cluster.places import Places, environment
from tuning.cluster.sharing import RETRIES, own_error, share_run
from tuning.cluster.token import Token
from tuning.cluster.workplace import step_context
from tuning.search.context import StepContext
from tuning.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    from ray.actor import ActorHandle

    from tuning.cluster.exchange import Exchange

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Tasks:
    """Ray's workers as those who do tasks; made while this process is connected to Ray.

    Args:
        context: Images and settings of the run.
        artifacts: Folder for everything a run makes.
        places: What a task takes of the workers' machines; GPUs stay free.
        token: Token that lies in the folder.
    """

    def __init__(self, context: StepContext, artifacts: Path, places: Places, token: Token) -> None:
        import ray

        inputs = RunInputs.of(context, artifacts, token)
        self._run, self._exchange = share_run(inputs, places.home)
        self._task = ray.remote(_do).options(
            max_retries=RETRIES,
            runtime_env={"env_vars": environment(places.cores)},
            **places.on_processors(),
        )

    def submit(
        self,
        function: Callable[Concatenate[ImageStore, Arguments], Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Have a task done; it is done again elsewhere when its worker is lost.

        Args:
            function: A module's function, which is given the run's images and writes no file that
                outlasts it.
            *args: What else it takes.
            **kwargs: What it takes by name.

        Returns:
            Its result to come, which nobody has checked, or what it raised; a `ClusterError` where
            the workers were lost again and again.
        """
        future: Future[Result] = Future()
        task = self._task.remote(self._run, self._exchange, function, args, kwargs).future()
        task.add_done_callback(lambda ended: _settle(future, function.__name__, ended))
        return future


def _settle(future: Future[Any], name: str, ended: Future[Any]) -> None:
    error = ended.exception()
    if error is None:
        future.set_result(ended.result())
    else:
        future.set_exception(own_error(error, name))


def _do(
    run: RunInputs,
    exchange: ActorHandle[Exchange] | None,
    function: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> object:
    """Runs in a worker; Ray puts the inputs in the place of their reference."""
    import_tensorflow(gpus=False)
    return function(step_context(run, exchange).store, *args, **kwargs)
