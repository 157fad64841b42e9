"""What every use of Ray's workers has in common: a run's images for all, retries, clear errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tuning.cluster.errors import ClusterError
from tuning.cluster.exchange import Exchange
from tuning.cluster.inputs import RunInputs
from tuning.cluster.places import at_home

if TYPE_CHECKING:
    import ray
    from ray.actor import ActorHandle

RETRIES = 4
"""How often a step or a task is given out again whose worker or machine is lost."""

_SERVED_AT_ONCE = 4


def share_run(
    inputs: RunInputs, home: str | None
) -> tuple[ray.ObjectRef[RunInputs], ActorHandle[Exchange] | None]:
    """Send out what all work on a run has in common.

    Args:
        inputs: Inputs of the run.
        home: Ray's name of the driver's machine, None where every worker is on it.

    Returns:
        Reference of the inputs, and the actor that serves machines without the driver's folders.
    """
    import ray

    run = ray.put(inputs)
    if home is None:
        return run, None
    exchange = ray.remote(Exchange).options(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=_SERVED_AT_ONCE,
        scheduling_strategy=at_home(home),
    )
    return run, cast("ActorHandle[Exchange]", exchange.remote(inputs.without_rows()))


def own_error(error: BaseException, step: str) -> BaseException:
    """Return the error of the work itself, or one of ours for what Ray could not get done.

    Args:
        error: What Ray raised.
        step: Name of the step or task.
    """
    from ray.exceptions import RayError, RayTaskError

    if isinstance(error, RayTaskError):
        return cast("BaseException", error.cause)
    if isinstance(error, RayError):
        return ClusterError(
            f"the step {step} was given up: its worker was lost {RETRIES + 1} times, as when "
            f"memory is short ({type(error).__name__}); Ray's dashboard and logs have more"
        )
    return error
