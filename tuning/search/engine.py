"""Who works on the steps of a search: this process, or others, see `tuning.cluster`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from tuning.backbones.registry import Backbone
from tuning.backbones.weights import Weights
from tuning.search.context import SearchContext
from tuning.search.steps import Steps

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Hands(Protocol):
    """Whoever works on the steps of one backbone's search.

    Attributes:
        slots: Number of steps that are worked on side by side; it may change while they are.
        divides_passes: Whether a pass over images is a step for each shard, for several to share.
    """

    divides_passes: bool

    @property
    def slots(self) -> int:
        """Number of steps that are worked on side by side."""
        ...

    def submit(
        self,
        step: Callable[Concatenate[Steps, Arguments], Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Have a step done.

        Args:
            step: Method of `Steps`.
            *args: What it takes.
            **kwargs: What it takes by name.

        Returns:
            Its result to come, or what it raised.
        """
        ...


class Engine(Protocol):
    """Where a run is worked on.

    Attributes:
        slots: Number of steps that are worked on side by side, of all backbones together.
    """

    slots: int

    def hands(
        self, context: SearchContext, backbone: Backbone, weights: Weights
    ) -> AbstractContextManager[Hands]:
        """Return who works on one backbone's steps while the block lasts.

        Args:
            context: Run, data and settings.
            backbone: Entry of the registry.
            weights: Pretrained weights of the backbone.
        """
        ...

    def stop(self) -> None:
        """End all searches: whoever waits for a step is interrupted, as by Ctrl-C."""
        ...


class OneProcess:
    """The engine without a cluster: this process does each step at once.

    Attributes:
        slots: 1.

    Example:
        >>> OneProcess().slots
        1
    """

    slots = 1

    @contextmanager
    def hands(
        self, context: SearchContext, backbone: Backbone, weights: Weights
    ) -> Iterator[Hands]:
        """Return this process, see `Engine.hands`."""
        yield OwnHands(Steps(context, backbone, weights, context.progress))

    def stop(self) -> None:
        """Do nothing: no step is under way while another one is asked for."""


class OwnHands:
    """This process, which does a step when it is asked for.

    Args:
        steps: Steps of the backbone's search.

    Attributes:
        slots: 1.
        divides_passes: False.
    """

    slots = 1
    divides_passes = False

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def submit(
        self,
        step: Callable[Concatenate[Steps, Arguments], Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Do a step, see `Hands.submit`."""
        future: Future[Result] = Future()
        try:
            future.set_result(step(self._steps, *args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
