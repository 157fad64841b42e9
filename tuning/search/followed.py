"""Who works on a search, with a note of each long step for whoever follows the run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeVar

from tuning.progress import Progress
from tuning.search.engine import Hands
from tuning.search.steps import Steps

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_TITLES: dict[str, Callable[[Any], str]] = {
    Steps.fit_head.__name__: lambda head: head.title,
    Steps.train.__name__: lambda training: training.title,
    Steps.evaluate.__name__: lambda _: "evaluating the winner",
}


class FollowedHands:
    """Hands whose steps are noted while they last; passes over images say themselves how far.

    Args:
        hands: Who does the steps.
        progress: What is shown of the backbone's search.

    Attributes:
        divides_passes: As of `hands`.
    """

    def __init__(self, hands: Hands, progress: Progress) -> None:
        self._hands, self._progress = hands, progress
        self.divides_passes = hands.divides_passes

    @property
    def slots(self) -> int:
        """Number of steps that are worked on side by side."""
        return self._hands.slots

    def submit(
        self,
        step: Callable[Concatenate[Steps, Arguments], Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Future[Result]:
        """Have a step done, see `tuning.search.engine.Hands`."""
        title = _TITLES.get(step.__name__)
        if title is None:
            return self._hands.submit(step, *args, **kwargs)
        name = title(args[0])
        self._progress.begin(name)
        future = self._hands.submit(step, *args, **kwargs)
        future.add_done_callback(lambda _: self._progress.end(name))
        return future
