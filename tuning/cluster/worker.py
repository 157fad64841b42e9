"""What runs in a worker of the cluster: one step of a search."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tuning.backbones.registry import BACKBONES
from tuning.bars import Bars
from tuning.cluster.inputs import BackboneInputs, RunInputs
from tuning.cluster.workplace import step_context
from tuning.search.steps import Steps
from tuning.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import ray
    from ray.actor import ActorHandle

    from tuning.cluster.exchange import Exchange

_steps: dict[str, Steps] = {}  # of all searches: to make models and graphs again takes long


@dataclass(frozen=True)
class Assignment:
    """The search that a step belongs to, and where its inputs lie.

    Attributes:
        run: Reference of the `RunInputs`.
        backbone: Reference of the `BackboneInputs`.
        exchange: Actor that serves what the driver's machine has.
        key: Name by which a worker knows the search again.
    """

    run: ray.ObjectRef[RunInputs]
    backbone: ray.ObjectRef[BackboneInputs]
    exchange: ActorHandle[Exchange] | None
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


def do(assignment: Assignment, step: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
    """Do a step of a search; what several steps need is made once in a process.

    Args:
        assignment: The search that it belongs to.
        step: Name of a method of `Steps`.
        args: What the method takes.
        kwargs: What it takes by name.

    Returns:
        What the method returns.
    """
    return getattr(_steps_of(assignment), step)(*args, **kwargs)


def _steps_of(assignment: Assignment) -> Steps:
    if assignment.key not in _steps:
        _steps[assignment.key] = _make(assignment)
    return _steps[assignment.key]


def _make(assignment: Assignment) -> Steps:
    import ray

    import_tensorflow()
    run, inputs = ray.get([assignment.run, assignment.backbone])
    backbone = BACKBONES[inputs.backbone]
    return Steps(step_context(run, assignment.exchange), backbone, inputs.weights, Bars())
